/** Contenders that do the same work in turns, and the rows of a table that come of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Absence, medianOf, type Row, rowOf, type Step, takeTurns } from './bench.ts';
import {
  type Absent,
  type Contender,
  type ContenderProgram,
  isAbsent,
  startContender,
  type Work,
} from './contenders/contender.ts';

export type Programs = readonly (() => Promise<ContenderProgram>)[];

/** Starts them one after the other; whatever goes wrong with one is said in its row. */
export async function startAll(programs: Programs): Promise<(Contender | Absent)[]> {
  const started: (Contender | Absent)[] = [];
  for (const program of programs) started.push(await startOne(program));
  return started;
}

async function startOne(program: Programs[number]): Promise<Contender | Absent> {
  try {
    return await startContender(await program());
  } catch (error) {
    return { name: 'a contender', why: (error as Error).message };
  }
}

export async function endAll(contenders: readonly (Contender | Absent)[]): Promise<void> {
  for (const each of contenders) if (!isAbsent(each)) await each[Symbol.asyncDispose]();
}

export interface Turns {
  /** Names the row: `decode at 512`. */
  readonly figure: string;
  readonly work: Work;
  /** What a run's times, in milliseconds, come to: tokens a second as a rule. */
  readonly unit: string;
  rate(times: readonly number[]): number;
  readonly runs: number;
  readonly warmUp?: number;
  /** Measured in the same turns, each under a name of its own: what the machine can do at that time. */
  readonly meters?: ReadonlyMap<string, Step>;
}

export interface Measured {
  readonly rows: readonly (Row | Absence)[];
  /** The median of each meter. */
  readonly metered: ReadonlyMap<string, number>;
}

/** Sets meters apart from contenders. */
const METER = 'meter: ';
/** Milliseconds before a turn, so that threads of the last contender have stopped waiting awake. */
const REST = 150;

/** Tokens a second over all tokens of a run. */
export function tokensPerSecond(tokens: number): (times: readonly number[]) => number {
  return (times) => (1000 * tokens) / times.reduce((sum, time) => sum + time, 0);
}

/** The same without the first, which finds the processor's caches full of what others did. */
export function steadyTokensPerSecond(tokens: number): (times: readonly number[]) => number {
  return ([_, ...times]) => tokensPerSecond(tokens - 1)(times);
}

/** Every contender in turn, run after run. One that fails drops out with a row that says why. */
export async function measureTurns(
  contenders: readonly (Contender | Absent)[],
  { figure, work, unit, rate, runs, warmUp = 1, meters = new Map() }: Turns,
): Promise<Measured> {
  const failures = new Map<string, string>();
  const present = contenders.filter((each): each is Contender => !isAbsent(each));
  const steps = new Map<string, Step>(
    present.map(({ name, work: run }) => [name, () => attempt(name, () => run(work))]),
  );
  for (const [name, meter] of meters) steps.set(METER + name, () => sleep(REST).then(meter));
  const found = await takeTurns(steps, { runs, warmUp });
  const rows = contenders.map((each): Row | Absence => {
    const why = isAbsent(each) ? each.why : failures.get(each.name);
    if (why !== undefined) return { figure: `${each.name}, ${figure}`, absent: why };
    const row = rowOf(`${each.name}, ${figure}`, unit, found.get(each.name)!);
    return isAbsent(each) ? row : { ...row, note: each.opened.runtime };
  });
  const medianOfMeter = (name: string) => medianOf(found.get(METER + name)!);
  return { rows, metered: new Map([...meters.keys()].map((name) => [name, medianOfMeter(name)])) };

  async function attempt(name: string, task: () => Promise<readonly number[]>): Promise<number> {
    if (failures.has(name)) return Number.NaN;
    try {
      await sleep(REST);
      return rate(await task());
    } catch (error) {
      failures.set(name, (error as Error).message);
      return Number.NaN;
    }
  }
}

/** Our row with the median of one more peer beside it, so that the table shows the ratio. */
export function besides(
  rows: readonly (Row | Absence)[],
  own: string,
  peer: string,
): (Row | Absence)[] {
  const isOf = (row: Row | Absence, name: string) => row.figure.startsWith(`${name}, `);
  const theirs = rows.find((row): row is Row => isOf(row, peer) && 'median' in row);
  if (!theirs) return [...rows];
  const beside = { name: peer, median: theirs.median };
  return rows.map((row) => {
    if (!isOf(row, own) || 'absent' in row) return row;
    return { ...row, peers: [...(row.peers ?? []), beside] };
  });
}

/** One run of every contender that is not kept: to fill a cache, to touch all memory. */
export async function prepare(
  contenders: readonly (Contender | Absent)[],
  work: Work,
): Promise<void> {
  for (const each of contenders) if (!isAbsent(each)) await each.work(work).catch(() => {});
}

/** Adds a note to the row of one contender. */
export function noted(
  rows: readonly (Row | Absence)[],
  own: string,
  note: (row: Row) => string | undefined,
): (Row | Absence)[] {
  return rows.map((row) => {
    if (!row.figure.startsWith(`${own}, `) || 'absent' in row) return row;
    const words = note(row);
    return words === undefined ? row : { ...row, note: words };
  });
}
