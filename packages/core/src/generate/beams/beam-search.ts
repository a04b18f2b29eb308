/**
 * Beam search as the recorded answers have it (spec CHAT §6.3a): pure steps from state to state.
 * Knows nothing of models, caches or texts.
 */

import type { RandomStream } from '../random.ts';
import { type BeamScores, bestCandidates, type Candidate, drawnCandidates } from './candidates.ts';

export interface BeamSearchOptions {
  /** How many beams run side by side. */
  readonly count: number;
  /** Scores are divided by length^this: above 0 it favours long answers, below 0 short ones. */
  readonly lengthPenalty: number;
  /**
   * When the search ends, once `count` answers are finished: `false` – when the best running beam,
   * as it is now, is worse than all of them; `true` – at once; `'never'` – when it could not get
   * better than the worst of them by any length up to the limit.
   */
  readonly earlyStopping: boolean | 'never';
  readonly maxNewTokens: number;
  readonly stopTokens: ReadonlySet<number>;
  /** Ends an answer that no stop token ended; asked after each new token. */
  readonly stopWhen?: (tokens: readonly number[]) => boolean;
  /** Draws continuations instead of taking the best. */
  readonly random?: RandomStream;
}

/** An answer that goes on. */
export interface Beam {
  readonly tokens: readonly number[];
  /** Sum of the log-probabilities. */
  readonly total: number;
  /** Which beam of the step before it continues. */
  readonly parent: number;
}

/** Why an answer ended. */
export type EndReason = 'stop-token' | 'stop-condition' | 'max-tokens';

/** An answer that ended. */
export interface Hypothesis {
  /** The stop token included. */
  readonly tokens: readonly number[];
  /** Sum of the log-probabilities, divided by length^lengthPenalty. */
  readonly score: number;
  readonly reason: EndReason;
}

export interface BeamSearchState {
  /** Best first; all of one length. */
  readonly running: readonly Beam[];
  /** Best first, at most `count`. */
  readonly finished: readonly Hypothesis[];
  readonly done: boolean;
}

/**
 * Before the first token there is one beam. Where continuations are drawn there are `count` equal
 * ones, which may draw the same (spec CHAT §6.3).
 */
export function startBeamSearch({ count, random }: BeamSearchOptions): BeamSearchState {
  const empty: Beam = { tokens: [], total: 0, parent: 0 };
  return { running: new Array<Beam>(random ? count : 1).fill(empty), finished: [], done: false };
}

/**
 * One token further. `scores` holds for each running beam the log-probabilities of its next token,
 * after penalties and filters.
 */
export function advanceBeams(
  { running, finished }: BeamSearchState,
  scores: readonly Float32Array[],
  options: BeamSearchOptions,
): BeamSearchState {
  const beams = running.map(({ total }, i): BeamScores => ({ scores: scores[i]!, running: total }));
  const ranked = candidates(beams, options).map((candidate) => extend(running, candidate, options));
  const next = ranked.filter(({ reason }) => !reason).slice(0, options.count);
  const ended = ranked.slice(0, options.count).flatMap((grown) => asHypothesis(grown, options));
  const best = [...finished, ...ended].sort((a, b) => b.score - a.score).slice(0, options.count);
  const state = { running: next.map(({ beam }) => beam), finished: best };
  return { ...state, done: isDone(state, options) };
}

/** The best answer so far, finished or not, compared by score. */
export function bestSoFar(
  { running, finished }: BeamSearchState,
  options: BeamSearchOptions,
): { readonly tokens: readonly number[]; readonly score: number } | undefined {
  const [first] = running;
  const leader = first && { tokens: first.tokens, score: scoreOf(first, options) };
  const [best] = finished;
  if (!best || !leader) return best ?? leader;
  return leader.score > best.score ? leader : best;
}

/** So many that enough are left to run when every stop token of a beam is among them. */
function candidates(
  beams: readonly BeamScores[],
  { count, stopTokens, random }: BeamSearchOptions,
): Candidate[] {
  const wanted = Math.max(2, 1 + stopTokens.size) * count;
  return random ? drawnCandidates(beams, wanted, random) : bestCandidates(beams, wanted);
}

interface Grown {
  readonly beam: Beam;
  readonly reason: EndReason | undefined;
}

function extend(
  running: readonly Beam[],
  { beam: parent, token, total }: Candidate,
  options: BeamSearchOptions,
): Grown {
  const tokens = [...running[parent]!.tokens, token];
  return { beam: { tokens, total, parent }, reason: endReason(tokens, options) };
}

/** Whether an answer ends with its last token, and why. */
export function endReason(
  tokens: readonly number[],
  {
    stopTokens,
    stopWhen,
    maxNewTokens,
  }: Pick<BeamSearchOptions, 'stopTokens' | 'stopWhen' | 'maxNewTokens'>,
): EndReason | undefined {
  if (stopTokens.has(tokens.at(-1)!)) return 'stop-token';
  if (stopWhen?.(tokens)) return 'stop-condition';
  return tokens.length >= maxNewTokens ? 'max-tokens' : undefined;
}

/** Only what ends among the best `count` candidates becomes an answer. */
function asHypothesis({ beam, reason }: Grown, options: BeamSearchOptions): Hypothesis[] {
  return reason ? [{ tokens: beam.tokens, score: scoreOf(beam, options), reason }] : [];
}

function isDone(
  { running, finished }: Omit<BeamSearchState, 'done'>,
  options: BeamSearchOptions,
): boolean {
  const { count, earlyStopping, lengthPenalty, maxNewTokens } = options;
  const [leader] = running;
  if (!leader) return true;
  if (finished.length < count) return false;
  if (earlyStopping === true) return true;
  const longest = earlyStopping === 'never' && lengthPenalty > 0;
  const length = longest ? maxNewTokens : leader.tokens.length;
  return leader.total / length ** lengthPenalty <= finished.at(-1)!.score;
}

function scoreOf({ tokens, total }: Beam, { lengthPenalty }: BeamSearchOptions): number {
  return total / tokens.length ** lengthPenalty;
}
