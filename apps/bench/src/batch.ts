/**
 * Requests that write together, beside one alone, and the plot of it:
 *
 *     npm run bench -- batch --json
 */
import type { Bench } from './bench.ts';
import { measureBatch } from './generation/batch.ts';
import { withBenchModel } from './generation/bench-model.ts';

const COUNTS = [2, 4, 8];
const LAYERS = 24;

export const batchBench: Bench = {
  describe: `Tokens a second of ${COUNTS.join(', ')} requests together, beside one alone`,
  takes: ['runs'],
  plot: { x: 'requests together', y: 'tokens a second' },
  run: ({ runs }) =>
    withBenchModel({ layers: LAYERS, vision: false }, (model) => measureBatch(model, COUNTS, runs)),
};
