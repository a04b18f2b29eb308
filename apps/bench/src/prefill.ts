/**
 * Tokens a second while a prompt of 512 is read, on random weights of a published shape:
 *
 *     npm run bench -- prefill --shape internlm2-1.8b --only int4-128
 */
import { synthShapes } from '@lingbi/hub';
import type { Absence, Bench, BenchOptions, Row } from './bench.ts';
import {
  lingbiProgram,
  llamaProgram,
  type Rivals,
  rivals,
  shapeNamed,
} from './contenders/programs.ts';
import { productMeter, shareOfProducts } from './product-meter.ts';
import { besides, endAll, measureTurns, noted, startAll, tokensPerSecond } from './side-by-side.ts';
import { operationsOf } from './work-of.ts';

const PROMPT = 512;
const RUNS = 5;

export const prefillBench: Bench = {
  describe: `Tokens a second while a prompt of ${PROMPT} is read, beside llama.cpp`,
  takes: ['shape', 'only', 'runs'],
  choices: rivals.map(({ own }) => own),
  run: async (options) => {
    const rows: (Row | Absence)[] = [];
    for (const each of rivals) {
      if (!options.only || options.only.includes(each.own))
        rows.push(...(await prefill(each, options)));
    }
    return rows;
  },
};

async function prefill(
  { own, llama }: Rivals,
  { shape, runs = RUNS }: BenchOptions,
): Promise<(Row | Absence)[]> {
  const name = shapeNamed(shape);
  const contenders = await startAll([
    () => lingbiProgram(name, own, PROMPT + 8),
    () => llamaProgram(name, llama, PROMPT + 8),
  ]);
  await using meter = await productMeter(own);
  try {
    const { rows, metered } = await measureTurns(contenders, {
      figure: `prefill of ${PROMPT}`,
      work: { task: 'prefill', tokens: PROMPT },
      unit: 'tokens/s',
      rate: tokensPerSecond(PROMPT),
      runs,
      meters: new Map([[own, meter.measure]]),
    });
    const perToken = operationsOf(synthShapes[name], 1) / 1e9;
    const share = ({ median }: Row) => shareOfProducts(perToken * median, metered.get(own)!, own);
    return besides(noted(rows, `lingbi ${own}`, share), `lingbi ${own}`, `llama.cpp ${llama}`);
  } finally {
    await endAll(contenders);
  }
}
