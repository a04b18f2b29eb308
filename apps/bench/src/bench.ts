/** What a bench is, and the parts that all of them share. */

export interface Bench {
  /** What it measures, in one line for people. */
  readonly describe: string;
  /** Which options it heeds. Default: none. */
  readonly takes?: readonly (keyof BenchOptions)[];
  /** What `only` chooses from, where it heeds that. */
  readonly choices?: readonly string[];
  run(options: BenchOptions): Promise<readonly (Row | Absence)[]>;
  /** What the axes of its plot are; a bench without has none. */
  readonly plot?: Plot;
}

/** What a user may choose, where a bench has a choice. */
export interface BenchOptions {
  /** The sizes of the model. Default: `internlm2-1.8b`. */
  readonly shape?: string;
  /** Parts of the bench: contexts to measure, encodings, contenders. Default: all. */
  readonly only?: readonly string[];
  readonly runs?: number;
}

export interface Plot {
  readonly x: string;
  readonly y: string;
}

/** One line of a bench's table: what was measured, its median and how far the runs lie apart. */
export interface Row {
  readonly figure: string;
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** The same work done by others, in the same unit, measured in turns with ours. */
  readonly peers?: readonly Peer[];
  /** What else there is to say: a share of what the machine can do. */
  readonly note?: string;
  /** Where it stands in the bench's plot. */
  readonly point?: { readonly series: string; readonly x: number; readonly y: number };
}

/** What could not be measured, and why. */
export interface Absence {
  readonly figure: string;
  readonly absent: string;
}

export interface Peer {
  readonly name: string;
  readonly median: number;
}

export function rowOf(figure: string, unit: string, runs: readonly number[], peer?: Peer): Row {
  const sorted = [...runs].sort((a, b) => a - b);
  const [min, max] = [sorted[0]!, sorted.at(-1)!];
  return { figure, unit, median: medianOf(runs), min, max, ...(peer && { peers: [peer] }) };
}

/** Of an even number of runs, halfway between the two in the middle. */
export function medianOf(runs: readonly number[]): number {
  const sorted = [...runs].sort((a, b) => a - b);
  const [below, above] = [sorted[(sorted.length - 1) >> 1]!, sorted[sorted.length >> 1]!];
  return (below + above) / 2;
}

/** Does some work once and says the figure: milliseconds, or a rate. */
export type Step = () => number | Promise<number>;

/**
 * Each step in turn, again and again, so that a slow moment of the machine meets all of them. Every round has an order
 * of its own, so that none pays always for what the same other one leaves behind.
 */
export async function takeTurns<Name>(
  steps: ReadonlyMap<Name, Step>,
  { runs, warmUp }: { readonly runs: number; readonly warmUp: number },
): Promise<Map<Name, number[]>> {
  const figures = new Map([...steps.keys()].map((name): [Name, number[]] => [name, []]));
  for (let run = -warmUp; run < runs; run++) {
    for (const [name, step] of shuffled([...steps])) {
      const figure = await step();
      if (run >= 0) figures.get(name)!.push(figure);
    }
  }
  return figures;
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  const keyed = items.map((item) => ({ item, key: Math.random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}

export async function milliseconds(task: () => unknown): Promise<number> {
  const start = performance.now();
  await task();
  return performance.now() - start;
}
