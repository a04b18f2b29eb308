/**
 * A 4096 × 2160 photograph to tiles, step by step, beside Pillow where a Python has it:
 *
 *     npm run bench -- vision
 *
 * LINGBI_PYTHON names the Python to ask for Pillow (python3 by default).
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  createResizer,
  type Picture,
  presets,
  readPicture,
  type Size,
  tileCanvas,
  tilePicture,
} from '@lingbi/vision';
import {
  type Bench,
  medianOf,
  milliseconds,
  type Row,
  rowOf,
  type Step,
  takeTurns,
} from './bench.ts';
import { makePhotograph, photograph } from './photograph.ts';

const RUNS = 15;
/** Begins the name of a step that Pillow does. */
const pillowMark = 'Pillow: ';

/** A common reduction: the ratio of the resample that is compared with Pillow. */
const reduced: Size = { width: 2240, height: 1181 };

/** The two steps that Pillow does as well. */
const decodeStep = 'decode JPEG';
const resizeStep = `resize to ${reduced.width} × ${reduced.height}, WebAssembly`;

export const visionBench: Bench = {
  describe: `A JPEG of ${photograph.width} × ${photograph.height} to tiles, step by step, beside Pillow`,
  run: benchVision,
};

async function benchVision(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'lingbi-bench-'));
  const path = join(folder, 'photograph.jpg');
  await writeFile(path, await makePhotograph());
  const pillow = await openPillow(path);
  try {
    const steps = new Map([...ownSteps(path, await readPicture(path)), ...pillowSteps(pillow)]);
    const runs = await takeTurns(steps, { runs: RUNS, warmUp: 2 });
    return besidePillow(runs, pillow);
  } finally {
    pillow?.close();
    await rm(folder, { recursive: true });
  }
}

function ownSteps(path: string, picture: Picture): [string, Step][] {
  const typescript = createResizer('typescript');
  const resizer = createResizer('wasm');
  const { canvas, plan } = tilePicture(picture, presets.chat, { resizer });
  const tiled = tileCanvas(canvas, plan.tileSize);
  const { rows, columns } = plan.grid;
  const size = `${plan.resized.width} × ${plan.resized.height}`;
  const sizeReduced = `${reduced.width} × ${reduced.height}`;
  return [
    [decodeStep, timed(() => readPicture(path))],
    [`resize to ${size}`, timed(() => resizer.resize(picture, plan.resized))],
    ['resize, paint canvas, hash', timed(() => tilePicture(picture, presets.chat, { resizer }))],
    ['global view', timed(() => tiled.globalView())],
    [`normalise ${rows * columns} tiles`, timed(() => forEachTile(rows, columns, tiled.tile))],
    ['JPEG to all tiles', timed(() => everything(path))],
    [resizeStep, timed(() => resizer.resize(picture, reduced))],
    [`resize to ${sizeReduced}, TypeScript`, timed(() => typescript.resize(picture, reduced))],
  ];
}

async function everything(path: string): Promise<void> {
  const tiled = tilePicture(await readPicture(path), presets.chat);
  tiled.globalView();
  forEachTile(tiled.grid.rows, tiled.grid.columns, tiled.tile);
}

function forEachTile(
  rows: number,
  columns: number,
  visit: (row: number, column: number) => void,
): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) visit(row, column);
  }
}

function timed(task: () => unknown): Step {
  return () => milliseconds(task);
}

/** Rows of our own steps; those that Pillow does as well carry its median. */
function besidePillow(runs: ReadonlyMap<string, number[]>, pillow: Pillow | undefined): Row[] {
  return [...runs]
    .filter(([step]) => !step.startsWith(pillowMark))
    .map(([step, times]) => {
      const theirs = runs.get(pillowMark + step);
      const peer = theirs && { name: `Pillow ${pillow?.version}`, median: medianOf(theirs) };
      return rowOf(step, 'ms', times, peer);
    });
}

/** A Python that times Pillow on demand. */
interface Pillow {
  readonly version: string;
  milliseconds(task: 'decode' | 'resize'): Promise<number>;
  close(): void;
}

const pillowProgram = `
import sys, time, PIL
from PIL import Image
path, width, height = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
decode = lambda: Image.open(path).convert('RGB')
picture = decode()
resize = lambda: picture.resize((width, height), Image.Resampling.BILINEAR)
print(PIL.__version__, flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    {'decode': decode, 'resize': resize}[line.strip()]()
    print((time.perf_counter() - start) * 1000, flush=True)
`;

async function openPillow(path: string): Promise<Pillow | undefined> {
  const size = [String(reduced.width), String(reduced.height)];
  const python = spawn(process.env['LINGBI_PYTHON'] ?? 'python3', [
    '-c',
    pillowProgram,
    path,
    ...size,
  ]);
  python.on('error', () => {}); // there is no Python: no line comes
  const lines = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
  const version = await lines.next();
  if (version.done) return undefined;
  return {
    version: version.value,
    async milliseconds(task) {
      python.stdin.write(`${task}\n`);
      return Number((await lines.next()).value);
    },
    close: () => closeInput(python),
  };
}

function closeInput({ stdin }: ChildProcessWithoutNullStreams): void {
  stdin.end();
}

function pillowSteps(pillow: Pillow | undefined): [string, Step][] {
  if (!pillow) return [];
  return [
    [pillowMark + decodeStep, () => pillow.milliseconds('decode')],
    [pillowMark + resizeStep, () => pillow.milliseconds('resize')],
  ];
}
