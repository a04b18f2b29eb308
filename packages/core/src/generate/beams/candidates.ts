/** Ways to go on from the running beams, the best first. */
import { type ScoredToken, topScores } from '../logits/top-scores.ts';
import type { RandomStream } from '../random.ts';

export interface Candidate {
  /** Which running beam it continues. */
  readonly beam: number;
  readonly token: number;
  /** Sum of the log-probabilities, this token's included. */
  readonly total: number;
}

/** Log-probabilities of every next token of one beam, and what the beam has so far. */
export interface BeamScores {
  readonly scores: Float32Array;
  readonly running: number;
}

/** Of all continuations of all beams the `count` best; of equal ones the earlier beam, the lower id. */
export function bestCandidates(beams: readonly BeamScores[], count: number): Candidate[] {
  const each = beams.map(({ scores, running }, beam) =>
    topScores(scores, count).map(
      ({ token, score }): Candidate => ({ beam, token, total: running + score }),
    ),
  );
  return each.flat().sort(byTotal).slice(0, count);
}

/**
 * Draws `count` continuations of all beams without replacement, by their probabilities, and puts
 * the best first. Instead of drawing one after the other, each gets a Gumbel number added and the
 * greatest sums win, which comes to the same (Kool et al. 2019). Takes one number of the stream for
 * each continuation that the filters left, in order of beams and ids.
 */
export function drawnCandidates(
  beams: readonly BeamScores[],
  count: number,
  random: RandomStream,
): Candidate[] {
  const each = beams.flatMap(({ scores, running }, beam) =>
    topScores(perturbed(scores, random), count).map(({ token, score }: ScoredToken) => ({
      candidate: { beam, token, total: running + scores[token]! },
      key: running + score,
    })),
  );
  const drawn = each.sort((a, b) => b.key - a.key).slice(0, count);
  return drawn.map(({ candidate }) => candidate).sort(byTotal);
}

function perturbed(scores: Float32Array, random: RandomStream): Float32Array {
  return scores.map((score) => (score === -Infinity ? score : score + gumbel(random)));
}

/** −ln(−ln u), where u is never 0. */
function gumbel(random: RandomStream): number {
  return -Math.log(-Math.log(1 - random.uniform()));
}

function byTotal(a: Candidate, b: Candidate): number {
  return b.total - a.total;
}
