/**
 * What is wrong with a checkpoint.
 *
 * - `missing`: no weights in the folder, or an index names a file or tensor that is not there
 * - `truncated`: a file ends before its tensors do
 * - `malformed`: a header contradicts its format or itself
 * - `over-limit`: reading on would take more than `CheckpointLimits` allow
 * - `unsafe`: a file asks for more than to be read: to run code, or to leave its folder
 * - `unsupported`: sound, but in a format we do not read
 */
export type CheckpointFault =
  | 'missing'
  | 'truncated'
  | 'malformed'
  | 'over-limit'
  | 'unsafe'
  | 'unsupported';

/** A checkpoint cannot be read as it is. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
  readonly file: string;
  readonly tensor: string | undefined;
  constructor(
    readonly reason: CheckpointFault,
    detail: string,
    where: { readonly file: string; readonly tensor?: string; readonly cause?: unknown },
  ) {
    const what =
      where.tensor === undefined ? where.file : `${quoted(where.tensor)} of ${where.file}`;
    super(`Cannot read ${what}: ${detail}`, { cause: where.cause });
    this.file = where.file;
    this.tensor = where.tensor;
  }
}

/** What mends a converted folder that is not whole. */
export const CONVERT_AGAIN = 'Convert the checkpoint again';
/** What mends a checkpoint that lacks a tensor. */
export const WHOLE_CHECKPOINT =
  'Give a checkpoint of the InternLM-XComposer family whose files are all there; if it is one, pull it again';

/** A model asks for a weight that its checkpoint does not hold. */
export class MissingWeightError extends Error {
  override readonly name = 'MissingWeightError';
  /** Names that do exist and look alike, the most alike first. */
  readonly nearMisses: readonly string[];
  constructor(
    /** As the model calls it. */
    readonly weight: string,
    /** As the checkpoint would call it; undefined when nothing says how. */
    readonly checkpointName: string | undefined,
    existing: Iterable<string>,
    /** What to do about it, when it is the checkpoint that lacks something. */
    remedy: string = WHOLE_CHECKPOINT,
  ) {
    const nearMisses = similarNames(checkpointName ?? weight, existing);
    super(
      checkpointName === undefined
        ? `There is no weight ${quoted(weight)}${hint(nearMisses) || unlike}`
        : `The weight ${quoted(weight)} is made of ${quoted(checkpointName)}, which the checkpoint lacks${hint(nearMisses)}. ${remedy}`,
    );
    this.nearMisses = nearMisses;
  }
}

/** A weight map combines tensors whose shapes do not fit together. */
export class WeightMapError extends Error {
  override readonly name = 'WeightMapError';
}

const unlike = '. No other name is similar: is the checkpoint one of this model?';

function hint(nearMisses: readonly string[]): string {
  if (nearMisses.length === 0) return '';
  return `. Similar names do exist: ${nearMisses.map(quoted).join(', ')}`;
}

/** At most three names that agree with `name` in half of their letters, counted from both ends. */
function similarNames(name: string, existing: Iterable<string>): string[] {
  const scored = [...existing].map((other) => ({ other, score: likeness(name, other) }));
  const alike = scored.filter(({ score }) => score >= 0.5).sort((a, b) => b.score - a.score);
  return alike.slice(0, 3).map(({ other }) => other);
}

// Wrong names mostly differ by one piece: a prefix, a layer number, a suffix. What surrounds it stays.
function likeness(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  let before = 0;
  while (before < shorter && a[before] === b[before]) before++;
  let after = 0;
  while (after < shorter - before && a.at(-1 - after) === b.at(-1 - after)) after++;
  return (before + after) / Math.max(a.length, b.length, 1);
}

/** For messages: quoted, with control characters escaped, and cut when a hostile file made it long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
