import {
  type BudgetAdvice,
  type Grid,
  int8Advice,
  largestShares,
  largestThatFits,
  MemoryBudgetError,
  type MemoryRequest,
  type PlannedModel,
  type Prompt,
  type PromptPart,
  planMemory,
  UnsupportedError,
  type XComposer,
} from '@lingbi/core';

/** A request, and how it changes with the finest cut of its pictures. */
export interface BudgetedRequest {
  readonly request: MemoryRequest;
  /** The most tiles of a picture now; none when there is no picture to cut. */
  readonly hdNum: number | undefined;
  /** The same request with pictures cut less finely. */
  readonly withHdNum: (hdNum: number) => MemoryRequest;
}

/** @throws MemoryBudgetError naming each setting that alone would make it fit, and the value. */
export function requireMemory(
  model: PlannedModel,
  budget: number,
  { request, hdNum, withHdNum }: BudgetedRequest,
): void {
  const peakOf = (changed: MemoryRequest) => planMemory(model, changed).peak;
  const { peak, bytes } = planMemory(model, request);
  if (peak <= budget) return;
  const { maxNewTokens = 0, beams = 1 } = request;
  const lower = (
    setting: BudgetAdvice['setting'],
    now: number,
    change: (to: number) => MemoryRequest,
  ) => {
    const largest = largestThatFits(now - 1, (to) => peakOf(change(to)) <= budget);
    return largest > 0 ? [{ setting, value: largest }] : [];
  };
  const advice = [
    ...lower('maxNewTokens', maxNewTokens, (to) => ({ ...request, maxNewTokens: to })),
    ...lower('beams', beams, (to) => ({ ...request, beams: to })),
    ...(hdNum ? lower('hdNum', hdNum, withHdNum) : []),
    ...int8Advice(model, (changed) => planMemory(changed, request).peak <= budget),
  ];
  throw new MemoryBudgetError('This answer', peak, budget, advice, largestShares(bytes));
}

/** The parts of a prompt; with `grids`, its pictures and videos as they would be cut into these. */
export function promptParts(chunks: Prompt, grids?: readonly Grid[]): PromptPart[] {
  let picture = 0;
  return chunks.map((chunk): PromptPart => {
    if (chunk.type === 'text') return { type: 'text', tokens: chunk.ids.length };
    return { type: 'image', grid: grids?.[picture++] ?? chunk.image.grid };
  });
}

/** @throws UnsupportedError when the model's backend does not say how it uses memory. */
export function requirePlanned({ planned, device }: XComposer): PlannedModel {
  if (planned) return planned;
  throw new UnsupportedError(
    `Cannot keep a memory budget on ${device}: its backend does not say how it uses memory. Leave out memoryBudget`,
  );
}
