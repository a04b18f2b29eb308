/**
 * Requests that write together, beside one alone, and the plot of it:
 *
 *     npm run bench -- batch --only int8,f32 --json
 */
import type { Bench, Row } from './bench.ts';
import { measureBatch } from './generation/batch.ts';
import { withBenchModel } from './generation/bench-model.ts';

const COUNTS = [2, 4, 8];
const LAYERS = 24;
const encodings = ['int4', 'int8', 'f32'] as const;

export const batchBench: Bench = {
  describe: `Tokens a second of ${COUNTS.join(', ')} requests together, beside one alone`,
  takes: ['only', 'runs'],
  choices: encodings,
  plot: { x: 'requests together', y: 'tokens a second' },
  run: async ({ only = encodings, runs }) => {
    const rows: Row[] = [];
    for (const weights of encodings.filter((each) => only.includes(each))) {
      const model = { layers: LAYERS, vision: false, weights };
      const found = await withBenchModel(model, (opened) => measureBatch(opened, COUNTS, runs));
      rows.push(...found.map((row) => named(row, weights === 'f32' ? weights : `${weights}-128`)));
    }
    return rows;
  },
};

function named(row: Row, encoding: string): Row {
  const point = row.point && { ...row.point, series: `lingbi ${encoding}` };
  return { ...row, figure: `${encoding}, ${row.figure}`, ...(point && { point }) };
}
