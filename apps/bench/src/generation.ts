/**
 * What the generation loop shares and saves, on random weights of the shape of InternLM2-1.8B:
 *
 *     npm run bench -- generation
 *
 * `LINGBI_BENCH_LAYERS` says how many of its 24 layers the long prompt is read with. Default: 4.
 */
import type { Bench, Row } from './bench.ts';
import { measureBatch } from './generation/batch.ts';
import { withBenchModel } from './generation/bench-model.ts';
import { measureCycles } from './generation/cycles.ts';
import { measureInt8Cache } from './generation/int8-cache.ts';
import { measureLongPrompt } from './generation/long-prompt.ts';

export const generationBench: Bench = {
  describe:
    'second turns, beams and aborts after 10K positions, four requests together, int8 caches, leaks',
  run: benchGeneration,
};

async function benchGeneration(): Promise<Row[]> {
  const layers = Number(process.env['LINGBI_BENCH_LAYERS'] ?? 4);
  return [
    ...(await withBenchModel({ layers, vision: true }, measureLongPrompt)),
    ...(await withBenchModel({ layers: 24, vision: false }, (model) => measureBatch(model, [4]))),
    ...(await measureInt8Cache(layers)),
    ...(await withBenchModel({ layers: 1, vision: false }, measureCycles)),
  ];
}
