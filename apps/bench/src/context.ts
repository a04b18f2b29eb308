/**
 * Decode after pasts of growing length, and the plot of it:
 *
 *     npm run bench -- context --only 512,4096 --json
 */
import type { Absence, Bench, Row } from './bench.ts';
import { rivals, shapeNamed } from './contenders/programs.ts';
import { decodeAt } from './decode.ts';

const CONTEXTS = ['512', '4096', '16384', '32768'];
/** Reading the prompt takes most of the time: minutes for the longest. */
const RUNS = 8;

export const contextBench: Bench = {
  describe: `Decode after ${CONTEXTS.join(', ')} tokens, int4-128 with caches of each kind beside llama.cpp Q4_0; takes long`,
  plot: { x: 'tokens before', y: 'ms a token' },
  takes: ['shape', 'only', 'runs'],
  choices: CONTEXTS,
  run: async ({ shape, only = CONTEXTS, runs = RUNS }) => {
    const rows: (Row | Absence)[] = [];
    for (const context of only.map(Number)) {
      const found = await decodeAt(
        context,
        shapeNamed(shape),
        { ...rivals[0]!, transformers: false },
        { runs, variants: ['caches'] },
      );
      rows.push(...found.map((row) => withPoint(row, context)));
    }
    return rows;
  },
};

function withPoint(row: Row | Absence, x: number): Row | Absence {
  if ('absent' in row) return row;
  const series = row.figure.split(',')[0]!;
  return { ...row, point: { series, x, y: 1000 / row.median } };
}
