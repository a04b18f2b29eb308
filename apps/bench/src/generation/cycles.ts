/** Sequences that come and go. */
import { generate, type XComposer } from '@lingbi/core';
import { type Row, rowOf } from '../bench.ts';
import { benchText, settledMemory } from './bench-model.ts';

const CYCLES = 1000;
const SETTLED = 200;

export async function measureCycles(model: XComposer): Promise<Row[]> {
  let settled = 0;
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    if (cycle === SETTLED) settled = await settledMemory();
    await openWriteDispose(model, cycle);
  }
  const grown = (await settledMemory()) - settled;
  return [rowOf(`memory gained from cycle ${SETTLED} to ${CYCLES}`, 'MiB', [grown])];
}

async function openWriteDispose(model: XComposer, cycle: number): Promise<void> {
  using sequence = model.openSequence({ capacity: 1024, slots: 2 });
  const beams = cycle % 2 === 0 ? 1 : 2;
  const options = { stopTokens: new Set<number>(), maxNewTokens: 3, beams };
  for await (const _ of generate(sequence, [benchText(4, cycle)], options));
}
