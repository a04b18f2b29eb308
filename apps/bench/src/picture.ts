/**
 * The vision tower, ViT-L/14 at 560 pixels with its projector, on one tile after the other, beside
 * PyTorch on the CPU where a Python has it:
 *
 *     LINGBI_PYTHON=~/venv/bin/python npm run bench -- picture
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Bench, Row } from './bench.ts';
import { lingbiProgram, THREADS } from './contenders/programs.ts';
import { torchTower } from './contenders/torch-tower.ts';
import { productMeter, shareOfProducts } from './product-meter.ts';
import { besides, endAll, measureTurns, noted, startAll } from './side-by-side.ts';

const RUNS = 7;
const TOWERS = ['int8', 'f32'];
/** 1601 rows through 24 layers of 1024 features and 4096 in the MLP: 2 · 12 · 1024² numbers each. */
const OPERATIONS = 24 * 1601 * (2 * 12 * 1024 ** 2 + 4 * 1601 * 1024);

export const pictureBench: Bench = {
  describe: 'Seconds for one tile of 560 pixels through the vision tower, beside PyTorch',
  takes: ['only', 'runs'],
  choices: TOWERS,
  run: async ({ runs = RUNS, only = TOWERS }) => {
    const encodings = (['int8', 'f32'] as const).filter((each) => only.includes(each));
    const contenders = await startAll([
      ...encodings.map((vision) => () => lingbiProgram('internlm2-1.8b', 'int4-128', 64, vision)),
      async () => ({
        name: 'PyTorch float32',
        program: [findPython(), '-c', torchTower],
        opening: { model: '', threads: THREADS, capacity: 0 },
      }),
    ]);
    await using int8 = await productMeter('int8');
    await using f32 = await productMeter('f32');
    const meters = { int8, f32 };
    try {
      const { rows, metered } = await measureTurns(contenders, {
        ...{ figure: 'a tile', work: { task: 'tile' }, unit: 's', runs },
        rate: ([time]) => time! / 1000,
        meters: new Map(encodings.map((each) => [each, meters[each].measure])),
      });
      return encodings.reduce((all, vision) => {
        const share = ({ median }: Row) =>
          shareOfProducts(OPERATIONS / median / 1e9, metered.get(vision)!, vision);
        const name = `lingbi vision ${vision}`;
        return besides(noted(all, name, share), name, 'PyTorch float32');
      }, rows);
    } finally {
      await endAll(contenders);
    }
  },
};

function findPython(): string {
  const own = join(homedir(), '.cache', 'lingbi', 'venv', 'bin', 'python');
  return process.env['LINGBI_PYTHON'] ?? (existsSync(own) ? own : 'python3');
}
