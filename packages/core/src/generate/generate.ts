import { CacheFullError } from '../backend/errors.ts';
import { TooManyBranchesError } from './assign-slots.ts';
import { type EndReason, endReason, type Hypothesis } from './beams/beam-search.ts';
import { type BeamProgress, searchBeams } from './beams/search-beams.ts';
import { beamCount, beamOptions, checkGenerateOptions } from './check-options.ts';
import type { GenerateOptions } from './generate-options.ts';
import { filterSteps, penaltySteps } from './logits/steps-of.ts';
import { type TokenLogprobs, tokenLogprobs } from './logits/token-logprobs.ts';
import { type Prompt, promptLength } from './prompt.ts';
import { NO_TOKEN } from './prompt-lookup/find-draft.ts';
import {
  LookupFeeder,
  type LookupUse,
  plainFeeder,
  type TokenFeeder,
} from './prompt-lookup/token-feeder.ts';
import { createRandom, freshSeed } from './random.ts';
import { type Sampler, tokenPicker } from './sampler.ts';
import type { PictureUse, PromptProgress, Sequence } from './sequence.ts';
import type { TokenConstraint } from './token-constraint.ts';

export interface TokenEvent {
  readonly type: 'token';
  readonly token: number;
  /** When they were asked for. */
  readonly logprobs?: TokenLogprobs;
}

/** How an answer came to be, known when it has ended. */
export interface WrittenAnswer {
  readonly reason: EndReason;
  /** The stop token included. */
  readonly newTokens: number;
  /** What repeats the draws. */
  readonly seed?: number;
  /** What `promptLookup` guessed. */
  readonly lookup?: LookupUse;
  /** All answers of a beam search, best first; the token events told the best. */
  readonly answers?: readonly Hypothesis[];
}

export interface GenerationEnd extends WrittenAnswer {
  readonly type: 'generation-end';
  readonly promptTokens: number;
  /** Prompt positions that the sequence still held from before. */
  readonly cachedTokens: number;
  /** Pictures that had to be read, and how. */
  readonly pictures: PictureUse;
}

/** With beams, the tokens come when the search has ended; until then, the best so far. */
export type GenerationEvent = PromptProgress | TokenEvent | BeamProgress | GenerationEnd;

/**
 * Reads a prompt, then writes tokens until something ends the answer.
 *
 * @throws InvalidOptionError, TooManyBranchesError before the model runs; so CacheFullError when the
 * sequence has no room for the prompt and `maxNewTokens`.
 */
export function generate(
  sequence: Sequence,
  prompt: Prompt,
  options: GenerateOptions,
): AsyncGenerator<GenerationEvent> {
  checkGenerateOptions(options);
  const count = beamCount(options.beams);
  if (count > 1 && count > sequence.slots) throw new TooManyBranchesError(count, sequence.slots);
  requireRoom(sequence, promptLength(prompt), options.maxNewTokens);
  return readAndWrite(sequence, prompt, options);
}

/** The last token is told, and not read. */
function requireRoom({ capacity }: Sequence, prompt: number, maxNewTokens: number): void {
  const wanted = prompt + maxNewTokens - 1;
  if (wanted <= capacity) return;
  const left = capacity - prompt + 1;
  const lower = left > 0 ? `Lower maxNewTokens to ${left}, or open` : 'Open';
  const mend = `${lower} the sequence with a larger capacity, or grow() it`;
  throw new CacheFullError(wanted, 0, capacity, mend);
}

async function* readAndWrite(
  sequence: Sequence,
  prompt: Prompt,
  options: GenerateOptions,
): AsyncGenerator<GenerationEvent> {
  const { signal, beams } = options;
  const before = sequence.pictures;
  const reading = sequence.prefill(prompt, signal && { signal });
  let step = await reading.next();
  const cachedTokens = step.done ? 0 : step.value.processed;
  for (; !step.done; step = await reading.next()) yield step.value;
  const pictures = {
    encoded: sequence.pictures.encoded - before.encoded,
    reused: sequence.pictures.reused - before.reused,
  };
  const write = beamCount(beams) > 1 ? writeByBeams : writeTokens;
  const answer = yield* write(sequence, step.value, prompt, options);
  const promptTokens = promptLength(prompt);
  yield { type: 'generation-end', ...answer, promptTokens, cachedTokens, pictures };
}

async function* writeTokens(
  sequence: Sequence,
  first: Float32Array,
  prompt: Prompt,
  options: GenerateOptions,
): AsyncGenerator<TokenEvent, WrittenAnswer> {
  const { signal, topLogprobs, constraint } = options;
  const seed = seedOf(options);
  const pick = options.sampler ?? pickerOf(prompt, options, seed);
  using feeder = feederOf(sequence, prompt, options);
  const tokens: number[] = [];
  let logits = first;
  for (;;) {
    const token = pick(await allowed(logits, constraint), tokens);
    constraint?.accept(token);
    tokens.push(token);
    yield tokenEvent(token, logits, topLogprobs);
    const reason = endReason(tokens, options);
    if (reason) return { reason, newTokens: tokens.length, ...extras(seed, feeder) };
    signal?.throwIfAborted();
    // A sampler that is not ours may have kept them.
    logits = await feeder.next(token, options.sampler ? undefined : logits);
  }
}

function extras(
  seed: number | undefined,
  { use }: TokenFeeder,
): Pick<WrittenAnswer, 'seed' | 'lookup'> {
  return { ...(seed !== undefined && { seed }), ...(use && { lookup: use }) };
}

function feederOf(
  sequence: Sequence,
  prompt: Prompt,
  { promptLookup, stopTokens, maxNewTokens, signal }: GenerateOptions,
): TokenFeeder {
  const options = signal ? { signal } : {};
  if (!promptLookup) return plainFeeder(sequence, options);
  const past = prompt.flatMap((chunk) => (chunk.type === 'text' ? [...chunk.ids] : [NO_TOKEN]));
  return new LookupFeeder(sequence, past, { ...options, stopTokens, maxNewTokens });
}

/** The logits of what may come; a copy, since what the model found likely is told as it is. */
async function allowed(
  logits: Float32Array,
  constraint: TokenConstraint | undefined,
): Promise<Float32Array> {
  if (!constraint) return logits;
  const scores = logits.slice();
  await constraint.ban(scores);
  return scores;
}

async function* writeByBeams(
  sequence: Sequence,
  first: Float32Array,
  prompt: Prompt,
  options: GenerateOptions,
): AsyncGenerator<BeamProgress | TokenEvent, WrittenAnswer> {
  const { stopTokens, maxNewTokens, stopWhen, sampling, signal } = options;
  const seed = seedOf(options);
  // Were fewer kept, all that is left of a beam could be stop tokens (spec CHAT §6.3).
  const minTokensToKeep = sampling?.minTokensToKeep ?? Math.max(2, 1 + stopTokens.size);
  const filters = filterSteps({ ...sampling, minTokensToKeep });
  const answers = yield* searchBeams(sequence, first, {
    steps: [...penaltySteps(options, stopTokens), ...filters],
    prompt: knownPrompt(prompt, options),
    options: {
      ...{ ...beamOptions(options.beams), maxNewTokens, stopTokens },
      ...(stopWhen && { stopWhen }),
      ...(seed !== undefined && { random: createRandom(seed) }),
    },
    ...(signal && { signal }),
  });
  const { tokens, reason } = answers[0]!;
  for (const token of tokens) yield { type: 'token', token };
  return { reason, newTokens: tokens.length, answers, ...(seed !== undefined && { seed }) };
}

function pickerOf(prompt: Prompt, options: GenerateOptions, seed: number | undefined): Sampler {
  return tokenPicker({
    steps: [...penaltySteps(options, options.stopTokens), ...filterSteps(options.sampling)],
    prompt: knownPrompt(prompt, options),
    ...(seed !== undefined && { random: createRandom(seed) }),
  });
}

function tokenEvent(token: number, logits: Float32Array, top: number | undefined): TokenEvent {
  if (top === undefined) return { type: 'token', token };
  return { type: 'token', token, logprobs: tokenLogprobs(logits, token, top) };
}

function seedOf({ sampling }: GenerateOptions): number | undefined {
  return sampling && (sampling.seed ?? freshSeed());
}

/** Ids of the prompt that penalties count; pictures have none. */
function knownPrompt(prompt: Prompt, { penaltyScope }: GenerateOptions): readonly number[] {
  if (penaltyScope !== 'prompt-and-answer') return [];
  return prompt.flatMap((chunk) => (chunk.type === 'text' ? [...chunk.ids] : []));
}
