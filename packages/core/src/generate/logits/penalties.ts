/** Steps that make tokens more or less likely, whether the next one is drawn or not (spec CHAT §6.1). */
import { distinctVisitor } from './distinct-visitor.ts';
import type { LogitsStep, StepContext } from './logits-step.ts';

/** Adds a number to the score of single ids; −Infinity bans one. */
export function logitBias(bias: ReadonlyMap<number, number>): LogitsStep {
  return (scores) => {
    for (const [id, added] of bias) if (id < scores.length) scores[id]! += added;
  };
}

/** Divides positive scores of known ids by `penalty` and multiplies negative ones (Keskar et al. 2019). */
export function repetitionPenalty(penalty: number): LogitsStep {
  const visitDistinct = distinctVisitor();
  return (scores, { prompt, generated }) => {
    visitDistinct([prompt, generated], scores.length, (id) => {
      const score = scores[id]!;
      scores[id] = score < 0 ? score * penalty : score / penalty;
    });
  };
}

/** Takes a fixed amount off each id of this answer, however often it came. */
export function presencePenalty(penalty: number): LogitsStep {
  const visitDistinct = distinctVisitor();
  return (scores, { generated }) => {
    visitDistinct([generated], scores.length, (id) => {
      scores[id]! -= penalty;
    });
  };
}

/** Takes an amount off an id for each time it came in this answer. */
export function frequencyPenalty(penalty: number): LogitsStep {
  return (scores, { generated }) => {
    for (const id of generated) scores[id]! -= penalty;
  };
}

/** Bans what would repeat any `size` consecutive ids. */
export function noRepeatNgram(size: number): LogitsStep {
  return (scores, context) => {
    const ids = seen(context);
    const begun = ids.length - (size - 1);
    for (let start = 0; start < begun; start++) {
      if (!startsAlike(ids, start, begun, size - 1)) continue;
      const next = ids[start + size - 1];
      if (next !== undefined) scores[next] = -Infinity;
    }
  };
}

/** Bans the stop tokens until the answer has `count` ids. */
export function minNewTokens(count: number, stopTokens: ReadonlySet<number>): LogitsStep {
  return (scores, { generated }) => {
    if (generated.length >= count) return;
    for (const id of stopTokens) if (id < scores.length) scores[id] = -Infinity;
  };
}

function seen({ prompt, generated }: StepContext): readonly number[] {
  return prompt.length === 0 ? generated : prompt.concat(generated);
}

function startsAlike(ids: readonly number[], a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (ids[a + i] !== ids[b + i]) return false;
  return true;
}
