import { CheckpointError, CONVERT_AGAIN, MissingWeightError, quoted } from '../errors.ts';
import { entriesOf, parseJsonObject } from '../json-object.ts';
import type { CheckpointLimits } from '../limits.ts';
import { BYTES_PER_NUMBER } from '../stored-dtype.ts';
import type { Encoding, StoredDType } from '../weight-source.ts';

/** The file that makes a folder a converted checkpoint. */
export const MANIFEST_FILE = 'lingbi.json';
/** Folders of a later version are refused. */
export const MANIFEST_VERSION = 1;

export interface ConvertedWeight {
  readonly shape: readonly number[];
  readonly encoding: Encoding;
}

/** What a converted checkpoint says of itself: its tensors are our weights, in parts. */
export interface Manifest {
  /** By our names; the tensors are called as `partName` says. */
  readonly weights: ReadonlyMap<string, ConvertedWeight>;
  /** Shapes of the tensors it was made of, by their own names: a model's sizes are read from them. */
  readonly tensors: ReadonlyMap<string, readonly number[]>;
}

/** The tensors that the checkpoint was made of, as far as a configuration has to know them. */
export function sourceTensors({ tensors }: Manifest): {
  readonly names: Iterable<string>;
  has(name: string): boolean;
  /** @throws MissingWeightError */
  describe(name: string): { readonly shape: readonly number[] };
} {
  return {
    names: [...tensors.keys()],
    has: (name) => tensors.has(name),
    describe: (name) => {
      const shape = tensors.get(name);
      if (shape) return { shape };
      throw new MissingWeightError(name, name, tensors.keys(), CONVERT_AGAIN);
    },
  };
}

/** @throws CheckpointError when it is not sound or of a version that we do not know. */
export function parseManifest(bytes: Uint8Array, file: string, limits: CheckpointLimits): Manifest {
  const fields = parseJsonObject(bytes, file, limits);
  const version = fields.get('version');
  if (version !== MANIFEST_VERSION) {
    const detail = `it is of version ${quoted(String(version))}, and this program reads ${MANIFEST_VERSION}. ${CONVERT_AGAIN}`;
    throw new CheckpointError('unsupported', detail, { file });
  }
  const read = <T>(key: string, parse: (value: unknown) => T | undefined): Map<string, T> => {
    const entries = entriesOf(fields.get(key));
    if (!entries) throw new CheckpointError('malformed', `it has no ${key}`, { file });
    return mapEntries(entries, (name, value) => {
      const parsed = parse(value);
      if (parsed !== undefined) return parsed;
      throw new CheckpointError('malformed', `its entry in ${key} is not sound`, {
        file,
        tensor: name,
      });
    });
  };
  return { weights: read('weights', parseWeight), tensors: read('tensors', parseShape) };
}

function mapEntries<A, B>(
  entries: ReadonlyMap<string, A>,
  change: (name: string, value: A) => B,
): Map<string, B> {
  return new Map(Array.from(entries, ([name, value]) => [name, change(name, value)]));
}

function parseWeight(value: unknown): ConvertedWeight | undefined {
  const fields = entriesOf(value);
  const shape = parseShape(fields?.get('shape'));
  const encoding = fields && parseEncoding(fields);
  if (!shape || !encoding) return undefined;
  if (encoding.kind !== 'dense' && shape.length !== 2) return undefined;
  return { shape, encoding };
}

function parseShape(value: unknown): readonly number[] | undefined {
  if (!Array.isArray(value) || value.length > 8) return undefined;
  return value.every((length) => Number.isSafeInteger(length) && length >= 0) ? value : undefined;
}

function parseEncoding(fields: ReadonlyMap<string, unknown>): Encoding | undefined {
  const kind = fields.get('kind');
  if (kind === 'channels') return { kind };
  if (kind === 'dense') {
    const dtype = fields.get('dtype');
    return isDType(dtype) ? { kind, dtype } : undefined;
  }
  const bits = fields.get('bits');
  const blockSize = fields.get('blockSize');
  const zeroPoints = fields.get('zeroPoints');
  const scales = fields.get('scales');
  if (kind !== 'blocks' || (bits !== 4 && bits !== 8)) return undefined;
  if (!isBlockSize(blockSize) || typeof zeroPoints !== 'boolean') return undefined;
  if (scales !== undefined && scales !== 'float16') return undefined;
  return { kind, bits, blockSize, zeroPoints, ...(scales && { scales }) };
}

function isDType(value: unknown): value is StoredDType {
  return typeof value === 'string' && Object.hasOwn(BYTES_PER_NUMBER, value);
}

/** Kernels know powers of two from 16 on; nobody uses blocks above 256. */
function isBlockSize(value: unknown): value is number {
  return typeof value === 'number' && [16, 32, 64, 128, 256].includes(value);
}

/** How a weight's entry in the manifest is written. */
export function manifestWeight({ shape, encoding }: ConvertedWeight): object {
  return { shape, ...encoding };
}
