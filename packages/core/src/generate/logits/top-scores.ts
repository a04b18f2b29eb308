export interface ScoredToken {
  readonly token: number;
  readonly score: number;
}

/**
 * The `count` best scores in descending order, of equal ones the lower id first. One pass: almost
 * every score is turned away by a single comparison with the worst of those kept. −Infinity never
 * enters.
 */
export function topScores(scores: Float32Array, count: number): ScoredToken[] {
  const best: ScoredToken[] = [];
  let bar = -Infinity;
  for (let token = 0; token < scores.length; token++) {
    const score = scores[token]!;
    if (!(score > bar)) continue;
    if (best.length === count) best.pop();
    insert(best, { token, score });
    if (best.length === count) bar = best.at(-1)!.score;
  }
  return best;
}

function insert(best: ScoredToken[], entry: ScoredToken): void {
  let at = best.length;
  while (at > 0 && best[at - 1]!.score < entry.score) at--;
  best.splice(at, 0, entry);
}
