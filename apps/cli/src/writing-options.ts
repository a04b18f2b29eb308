/** How answers are written, as options of the command line. */
import type { GenerationSettings, Sampling, SayOptions } from '@lingbi/tasks';
import type { Command } from 'commander';
import { UsageError } from './exit-codes.ts';
import { parseCount, parseNumber } from './parse-value.ts';

export interface WritingFlags {
  readonly maxNewTokens?: number;
  readonly beams?: number;
  readonly greedy?: boolean;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly repetitionPenalty?: number;
  readonly seed?: number;
  readonly promptLookup?: boolean;
}

/** Ranges are checked where answers are written; here only that they are numbers. */
export function addWritingOptions(command: Command): Command {
  return command
    .optionsGroup('Writing:')
    .option('--max-new-tokens <count>', 'how long an answer may get', parseCount)
    .option(
      '--beams <count>',
      'how many answers to follow side by side; the best counts',
      parseCount,
    )
    .option('--greedy', 'take the likeliest token each time')
    .option('--temperature <number>', 'draw tokens: below 1 likely ones get likelier', parseNumber)
    .option(
      '--top-p <share>',
      'draw among the fewest tokens that reach this probability',
      parseNumber,
    )
    .option('--top-k <count>', 'draw among this many best tokens', parseCount)
    .option('--seed <number>', 'draw the same answer again', parseNumber)
    .option(
      '--repetition-penalty <number>',
      'make known tokens less likely: 1.005, 3.0',
      parseNumber,
    )
    .option('--prompt-lookup', 'read ahead where an answer repeats its prompt; not with beams');
}

/** For a chat, which takes the likeliest token unless an option of drawing is given. */
export function sayOptions(flags: WritingFlags): SayOptions {
  const { maxNewTokens, beams, repetitionPenalty, promptLookup } = flags;
  const sampling = drawing(flags);
  return {
    ...given({ maxNewTokens, beams, repetitionPenalty, promptLookup }),
    ...(Object.keys(sampling).length > 0 && { sampling }),
  };
}

/** For a recipe: what differs from its own settings. */
export function writingSettings(
  flags: WritingFlags,
  recipe: GenerationSettings,
): Partial<GenerationSettings> {
  const { maxNewTokens, beams, repetitionPenalty } = flags;
  const { seed, ...changes } = drawing(flags);
  const sampling = flags.greedy ? 'greedy' : withChanges(recipe, changes);
  return {
    ...given({ beams, repetitionPenalty, seed, sampling }),
    ...(maxNewTokens !== undefined && { limit: { newTokens: maxNewTokens } }),
  };
}

/** Nothing when the recipe draws as it always does. */
function withChanges({ sampling }: GenerationSettings, changes: Partial<Sampling>) {
  if (Object.keys(changes).length === 0) return undefined;
  return { ...(sampling === 'greedy' ? plainSampling : sampling), ...changes };
}

/** What a recipe that draws nothing draws with when it is told to: from the 50 likeliest tokens. */
const plainSampling: Sampling = { temperature: 1, topP: 1, topK: 50 };

function drawing({ greedy, temperature, topP, topK, seed }: WritingFlags) {
  const changes = given({ temperature, topP, topK, seed });
  const names = Object.keys(changes);
  if (!greedy || names.length === 0) return changes;
  throw new UsageError(
    `--greedy draws nothing, so ${names.join(', ')} would be ignored: leave one out`,
  );
}

/** Without what was not given. */
function given<T extends object>(options: T): { [Name in keyof T]?: NonNullable<T[Name]> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof T]?: NonNullable<T[Name]> };
}
