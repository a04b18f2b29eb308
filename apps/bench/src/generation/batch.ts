/** Requests side by side against one alone. */
import type { XComposer } from '@lingbi/core';
import { medianOf, type Row, rowOf } from '../bench.ts';
import { benchText } from './bench-model.ts';

const TOKENS = 32;
const ROUNDS = 5;

export async function measureBatch(model: XComposer): Promise<Row[]> {
  await using scheduler = model.openScheduler({ slots: 4, capacity: 512 });
  const rates = { one: [] as number[], four: [] as number[] };
  for (let round = -1; round < ROUNDS; round++) {
    const [one, four] = [await tokensPerSecond(scheduler, 1), await tokensPerSecond(scheduler, 4)];
    if (round < 0) continue;
    rates.one.push(one);
    rates.four.push(four);
  }
  return [
    rowOf('one request', 'tokens/s', rates.one),
    rowOf('four requests together', 'tokens/s', rates.four),
    rowOf('four ÷ one', '×', [medianOf(rates.four) / medianOf(rates.one)]),
  ];
}

/** From the moment when all of them write to the first end. */
async function tokensPerSecond(
  scheduler: ReturnType<XComposer['openScheduler']>,
  count: number,
): Promise<number> {
  const times = await Promise.all(
    Array.from({ length: count }, async (_, place) => {
      const { events } = scheduler.admit({
        ...{ prompt: [benchText(64, place)], adapter: 'base', maxNewTokens: TOKENS },
        stopTokens: new Set<number>(),
      });
      const at: number[] = [];
      for await (const event of events) if (event.type === 'token') at.push(performance.now());
      return at;
    }),
  );
  const from = Math.max(...times.map((at) => at[0]!));
  const to = Math.min(...times.map((at) => at.at(-1)!));
  const written = times.flat().filter((at) => at > from && at <= to).length;
  return (1000 * written) / (to - from);
}
