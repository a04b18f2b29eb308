/** Requests side by side against one alone. */
import type { XComposer } from '@lingbi/core';
import { type Row, rowOf, takeTurns } from '../bench.ts';
import { benchText } from './bench-model.ts';

const TOKENS = 32;
const ROUNDS = 5;

/** A row for each number of requests, beside one request in the same turns. */
export async function measureBatch(
  model: XComposer,
  counts: readonly number[],
  runs: number = ROUNDS,
): Promise<Row[]> {
  await using scheduler = model.openScheduler({ slots: Math.max(...counts), capacity: 512 });
  const steps = counts.map((count) => [count, () => tokensPerSecond(scheduler, count)] as const);
  const found = await takeTurns(new Map([[1, () => tokensPerSecond(scheduler, 1)], ...steps]), {
    ...{ runs, warmUp: 1 },
  });
  const alone = rowOf('', '', found.get(1)!);
  const peer = { name: 'one request', median: alone.median };
  return [...found].map(([count, rates]) => {
    const row = rowOf(`requests together: ${count}`, 'tokens/s', rates, peer);
    return { ...row, point: { series: 'lingbi', x: count, y: row.median } };
  });
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
