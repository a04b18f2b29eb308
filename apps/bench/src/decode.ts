/**
 * Tokens a second after a prompt of 512, greedy, on random weights of a published shape:
 *
 *     npm run bench -- decode --shape internlm2-1.8b --only int4-128
 */
import { type SynthShape, synthShapes } from '@lingbi/hub';
import { bandwidthMeter } from './bandwidth.ts';
import type { Absence, Bench, Row } from './bench.ts';
import {
  lingbiProgram,
  llamaProgram,
  type Rivals,
  rivals,
  shapeNamed,
  transformersProgram,
  withCache,
  withHugePages,
  withMappedWeights,
} from './contenders/programs.ts';
import {
  besides,
  endAll,
  measureTurns,
  noted,
  prepare,
  startAll,
  steadyTokensPerSecond,
} from './side-by-side.ts';
import { bytesPerToken } from './work-of.ts';

const CONTEXT = 512;
/** A run: long enough that a slow token does not decide it, short enough to take turns often. */
const TOKENS = 9;
const RUNS = 20;

export const decodeBench: Bench = {
  describe: `Tokens a second after ${CONTEXT}, greedy, beside llama.cpp and transformers.js`,
  takes: ['shape', 'only', 'runs'],
  choices: rivals.map(({ own }) => own),
  run: async ({ shape, only, runs = RUNS }) => {
    // More of the larger shape drive each other's mapped weights out of 24 GB.
    const isLarge = shape === '7b';
    const variants = isLarge ? (['pages'] as const) : (['caches', 'pages'] as const);
    const chosen = rivals
      .filter(({ own }) => !only || only.includes(own))
      .map((each) => (isLarge ? { ...each, transformers: false } : each));
    const rows: (Row | Absence)[] = [];
    for (const each of chosen)
      rows.push(...(await decodeAt(CONTEXT, shapeNamed(shape), each, { runs, variants })));
    return rows;
  },
};

interface DecodeOptions {
  readonly runs: number;
  /** What takes part beside the plain contenders: ours with other caches; ours in its file, and its peer in own memory. */
  readonly variants: readonly ('caches' | 'pages')[];
}

/** All contenders after the same prompt. */
export async function decodeAt(
  context: number,
  shape: SynthShape,
  { own, llama, transformers }: Rivals,
  { runs, variants }: DecodeOptions,
): Promise<readonly (Row | Absence)[]> {
  const capacity = context + (runs + 2) * TOKENS + 16;
  const ours = () => lingbiProgram(shape, own, capacity);
  const peer = () => llamaProgram(shape, llama, capacity);
  const contenders = await startAll([
    ours,
    peer,
    ...(variants.includes('caches')
      ? (['int8', 'float32'] as const).map((kv) => async () => withCache(kv, await ours()))
      : []),
    ...(variants.includes('pages')
      ? [async () => withMappedWeights(await ours()), async () => withHugePages(await peer())]
      : []),
    ...(transformers ? [() => transformersProgram(shape, own, capacity)] : []),
  ]);
  try {
    await prepare(contenders, { task: 'prefill', tokens: context });
    const meter = bandwidthMeter();
    const { rows, metered } = await measureTurns(contenders, {
      figure: `decode at ${context}`,
      work: { task: 'decode', tokens: TOKENS },
      unit: 'tokens/s',
      rate: steadyTokensPerSecond(TOKENS),
      runs,
      ...(meter && { meters: new Map([['memory', meter]]) }),
    });
    const bandwidth = metered.get('memory');
    const bytes = bytesPerToken(synthShapes[shape], own, context);
    const share = ({ median }: Row) =>
      bandwidth &&
      `${((bytes * median) / 1e7 / bandwidth).toFixed(0)} % of ${bandwidth.toFixed(1)} GB/s`;
    const plain = noted(rows, `lingbi ${own}`, (row) => share(row) || undefined);
    return pairsOf({ own, llama, transformers }).reduce<readonly (Row | Absence)[]>(
      (all, [name, rival]) => besides(all, name, rival),
      noted(plain, `lingbi ${own} mapped`, (row) => share(row) || undefined),
    );
  } finally {
    await endAll(contenders);
  }
}

type Pair = readonly [own: string, peer: string];

/** Who is compared with whom. transformers.js keeps keys and values in float32. */
export function pairsOf({ own, llama, transformers }: Rivals): readonly Pair[] {
  const [ours, first, second] = [`lingbi ${own}`, `llama.cpp ${llama}`, `transformers.js ${own}`];
  const [rounded, float32] = [`${ours} with int8 cache`, `${ours} with float32 cache`];
  const withFirst = [ours, rounded, float32, `${ours} mapped`].map((each): Pair => [each, first]);
  const withSecond = [ours, float32].map((each): Pair => [each, second]);
  return transformers ? [...withFirst, ...withSecond] : withFirst;
}
