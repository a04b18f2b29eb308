/**
 * From a picture to the first token of an answer, by how many tiles it has, and the plot of it. On random
 * weights: InternLM2-1.8B in 4 bits under ViT-L/14 in int8.
 *
 *     npm run bench -- tiles --only 1,4 --json
 */
import { onnx } from '@lingbi/backend-onnx';
import { type Model, openModel } from '@lingbi/tasks';
import type { RawPixels } from '@lingbi/vision';
import { type Bench, type Row, rowOf, type Step, takeTurns } from './bench.ts';
import { THREADS } from './contenders/programs.ts';
import { synthFolder } from './contenders/weights.ts';

/** Columns and rows by the number of tiles; a global view comes on top where there are several. */
const grids: Readonly<Record<string, readonly [columns: number, rows: number]>> = {
  1: [1, 1],
  4: [2, 2],
  12: [4, 3],
  24: [6, 4],
};
/** Of 24 tiles one takes more than a minute. */
const RUNS = 3;
const TILE = 560;
const BYTES_PER_KIBIBYTE = 1024;

export const tilesBench: Bench = {
  describe: `Seconds from a picture of ${Object.keys(grids).join(', ')} tiles to the first token`,
  takes: ['only', 'runs'],
  choices: Object.keys(grids),
  plot: { x: 'tiles', y: 's to the first token' },
  run: async ({ only = Object.keys(grids), runs = RUNS }) => {
    const folder = await synthFolder('internlm2-1.8b', 'int4-128', 'int8');
    await using model = await openModel(folder, { backend: onnx({ threads: THREADS }) });
    await secondsToAnswer(model, 1); // compiles what is compiled when it is first used
    const steps = only.map(Number).map((tiles): [number, Step] => {
      return [tiles, () => secondsToAnswer(model, tiles)];
    });
    const found = await takeTurns(new Map(steps), { runs, warmUp: 0 });
    const memory = (process.resourceUsage().maxRSS * BYTES_PER_KIBIBYTE) / 1e9;
    const rows = [...found].map(([tiles, seconds]) => rowWithPoint(tiles, seconds));
    return [...rows, rowOf('the most memory, of all', 'GB', [memory])];
  },
};

function rowWithPoint(tiles: number, found: readonly number[]): Row {
  const row = rowOf(`tiles: ${tiles}`, 's', found);
  return {
    ...row,
    point: { series: 'lingbi, tower int8, decoder int4-128', x: tiles, y: row.median },
  };
}

/** A picture that no cache knows, in a chat of its own. */
async function secondsToAnswer(model: Model, tiles: number): Promise<number> {
  const grid = grids[tiles];
  if (!grid) throw new RangeError(`No picture of ${tiles} tiles: choose ${Object.keys(grids)}`);
  await using chat = model.chat({ hdNum: tiles, images: [pictureOf(grid)] });
  const start = performance.now();
  await chat.ask('What is this?', { maxNewTokens: 1 });
  return (performance.now() - start) / 1000;
}

let seed = 0;

function pictureOf([columns, rows]: readonly [number, number]): RawPixels {
  const [width, height] = [columns * TILE, rows * TILE];
  seed += 1;
  const data = Uint8Array.from({ length: width * height * 3 }, (_, at) => (at * 7 + seed) & 0xff);
  return { width, height, channels: 3, data };
}
