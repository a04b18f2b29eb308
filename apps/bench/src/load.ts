/**
 * From asking for a model to its first token, in a fresh process, with files in the system's cache:
 *
 *     npm run bench -- load --shape internlm2-1.8b
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Absence, type Bench, type Row, rowOf } from './bench.ts';
import { type ContenderProgram, isAbsent, startContender } from './contenders/contender.ts';
import {
  lingbiProgram,
  llamaProgram,
  shapeNamed,
  withHugePages,
  withoutWaiting,
} from './contenders/programs.ts';

const RUNS = 5;
const CAPACITY = 512;

export const loadBench: Bench = {
  describe: 'Time from opening a model to its first token, and memory then, beside llama.cpp',
  takes: ['shape', 'runs'],
  run: async ({ shape, runs = RUNS }) => {
    const name = shapeNamed(shape);
    const own = await lingbiProgram(name, 'int4-128', CAPACITY);
    const peer = await llamaProgram(name, 'Q4_0', CAPACITY);
    const programs = [withoutWaiting(own), peer, own, withHugePages(peer)];
    const starts = new Map(programs.map((program) => [program, [] as Start[]]));
    const touches: number[] = [];
    for (let run = -1; run < runs; run++) {
      for (const program of programs) {
        const start = await startOnce(program);
        if (run >= 0 || 'absent' in start) starts.get(program)!.push(start);
      }
      touches.push(secondsToTouch());
    }
    const rows = programs.flatMap((program) => rowsOf(program, starts.get(program)!));
    return [...rows, rowOf('a first touch of 1 GB of memory', 's', touches)];
  },
};

/** What the system takes to hand out memory: a model's weights are prepared in as much of it as they take. */
function secondsToTouch(): number {
  const bytes = 2 ** 28;
  const start = performance.now();
  Buffer.allocUnsafeSlow(bytes).fill(1);
  return ((performance.now() - start) / 1000) * (1e9 / bytes);
}

interface Ready {
  readonly seconds: number;
  readonly bytes: number;
}
type Start = Ready | Absence;

async function startOnce(program: ContenderProgram): Promise<Start> {
  const contender = await startContender(program);
  if (isAbsent(contender)) return { figure: contender.name, absent: contender.why };
  const seconds = contender.opened.ready / 1000;
  const bytes = await contender.memory();
  await contender[Symbol.asyncDispose]();
  return { seconds, bytes };
}

function rowsOf({ name, opening }: ContenderProgram, starts: readonly Start[]): (Row | Absence)[] {
  const absent = starts.find((start) => 'absent' in start);
  if (absent) return [absent];
  const ready = starts as readonly Ready[];
  const gigabytes = ready.map(({ bytes }) => bytes / 1e9);
  const file = fileBytes(opening.model) / 1e9;
  const memory = rowOf(`${name}, resident memory`, 'GB', gigabytes);
  return [
    rowOf(
      `${name}, ready`,
      's',
      ready.map(({ seconds }) => seconds),
    ),
    {
      ...memory,
      note: `${(memory.median / file).toFixed(2)} × its ${file.toFixed(2)} GB of weights`,
    },
  ];
}

/** Of a file, or of all files in a folder. */
function fileBytes(place: string): number {
  const found = statSync(place);
  if (found.isFile()) return found.size;
  return readdirSync(place).reduce((sum, name) => sum + statSync(join(place, name)).size, 0);
}
