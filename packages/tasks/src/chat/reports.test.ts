import { expect, test } from 'vitest';
import { reportsOf } from './reports.ts';

const later = () => new Promise<void>((resolve) => setTimeout(resolve, 1));

test('reports come in order, and then the result', async () => {
  const reports = reportsOf<number, string>(async (report) => {
    report(1);
    report(2);
    await later();
    report(3);
    return 'done';
  });
  const told: number[] = [];
  let next = await reports.next();
  for (; !next.done; next = await reports.next()) told.push(next.value);
  expect([told, next.value]).toEqual([[1, 2, 3], 'done']);
});

test('work that fails fails after what it reported', async () => {
  const told: number[] = [];
  const listening = async (): Promise<void> => {
    const work = async (report: (item: number) => void) => {
      report(1);
      throw new Error('broken');
    };
    for await (const item of reportsOf(work)) told.push(item);
  };
  await expect(listening()).rejects.toThrow('broken');
  expect(told).toEqual([1]);
});

test('work that nobody listens to is told to end, and waited for', async () => {
  let ended = false;
  const work = async (report: (item: number) => void, signal: AbortSignal) => {
    report(1);
    while (!signal.aborted) await later();
    await later();
    ended = true;
  };
  for await (const _ of reportsOf(work)) break;
  expect(ended).toBe(true);
});
