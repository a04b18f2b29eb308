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
  withHugePages,
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
  run: async ({ shape, only, runs = RUNS }) => {
    const chosen = rivals.filter(({ own }) => !only || only.includes(own));
    const rows: (Row | Absence)[] = [];
    for (const each of chosen)
      rows.push(...(await decodeAt(CONTEXT, shapeNamed(shape), each, runs, { hugePages: true })));
    return rows;
  },
};

interface DecodeOptions {
  /** Whether ours and its peer take part a second time, with memory in huge pages. */
  readonly hugePages?: boolean;
}

/** All contenders after the same prompt. */
export async function decodeAt(
  context: number,
  shape: SynthShape,
  { own, llama, transformers }: Rivals,
  runs: number,
  { hugePages = false }: DecodeOptions = {},
): Promise<(Row | Absence)[]> {
  const capacity = context + (runs + 2) * TOKENS + 16;
  const ours = () => lingbiProgram(shape, own, capacity);
  const peer = () => llamaProgram(shape, llama, capacity);
  const contenders = await startAll([
    ours,
    peer,
    ...(hugePages ? [ours, peer].map((each) => async () => withHugePages(await each())) : []),
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
      ...(meter && { meter }),
    });
    const bytes = bytesPerToken(synthShapes[shape], own, context);
    const share = ({ median }: Row) =>
      metered && `${((bytes * median) / 1e7 / metered).toFixed(0)} % of ${metered.toFixed(1)} GB/s`;
    const pairs = ['', ' in huge pages'].map(
      (more) => [`lingbi ${own}${more}`, `llama.cpp ${llama}${more}`] as const,
    );
    return pairs.reduce<(Row | Absence)[]>(
      (all, [name, rival]) =>
        besides(
          noted(all, name, (row) => share(row) || undefined),
          name,
          rival,
        ),
      [...rows],
    );
  } finally {
    await endAll(contenders);
  }
}
