/**
 * Measures and prints: `npm run bench -- tokenizer vision`. With `--json` the figures are written to
 * bench-results/ as well, and drawn where they depend on something.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Absence, Bench, BenchOptions, Row } from './bench.ts';
import { type Benches, readCommand, usageOf } from './command.ts';
import { drawPlot } from './plot.ts';
import { describeMachine, type Machine, machineLine, markdownTable, plainRows } from './report.ts';

/** As shells and other programs say that they were called wrongly. */
const CALLED_WRONGLY = 2;

const benches: Benches = {
  tokenizer: async () => (await import('./tokenizer.ts')).tokenizerBench,
  vision: async () => (await import('./vision.ts')).visionBench,
  video: async () => (await import('./video.ts')).videoBench,
  memory: async () => (await import('./memory.ts')).memoryBench,
  tfjs: async () => (await import('./tfjs.ts')).tfjsBench,
  quality: async () => (await import('./quality.ts')).qualityBench,
  decode: async () => (await import('./decode.ts')).decodeBench,
  prefill: async () => (await import('./prefill.ts')).prefillBench,
  context: async () => (await import('./context.ts')).contextBench,
  picture: async () => (await import('./picture.ts')).pictureBench,
  chat: async () => (await import('./chat.ts')).chatBench,
  load: async () => (await import('./load.ts')).loadBench,
  tiles: async () => (await import('./tiles.ts')).tilesBench,
  batch: async () => (await import('./batch.ts')).batchBench,
  lookup: async () => (await import('./lookup.ts')).lookupBench,
  generation: async () => (await import('./generation.ts')).generationBench,
};

const command = await readCommand(process.argv.slice(2), benches);
switch (command.kind) {
  case 'help':
    console.log(await usageOf(benches));
    break;
  case 'refusal':
    for (const complaint of command.complaints) console.error(complaint);
    process.exitCode = CALLED_WRONGLY;
    break;
  case 'measure': {
    const machine = describeMachine();
    console.log(`${machineLine(machine)}\n`);
    for (const name of command.names) await measure(name, machine, command);
    break;
  }
  default:
    command satisfies never;
}

interface Wishes {
  readonly options: BenchOptions;
  readonly json: boolean;
}

async function measure(name: string, machine: Machine, { options, json }: Wishes): Promise<void> {
  const bench = await benches[name]!();
  console.log(`## ${name}\n\n${bench.describe}\n`);
  const rows = await bench.run(options);
  console.log(`${markdownTable(rows)}\n`);
  if (json) console.log(`Written to ${writeResult(name, bench, machine, rows)}\n`);
}

/** @returns the file's path without its ending */
function writeResult(
  name: string,
  { plot }: Bench,
  machine: Machine,
  rows: readonly (Row | Absence)[],
): string {
  const time = new Date().toISOString();
  const file = `bench-results/${name}-${time.replaceAll(/[:.]/g, '-')}`;
  mkdirSync('bench-results', { recursive: true });
  const result = { name, time, machine, rows: plainRows(rows) };
  writeFileSync(`${file}.json`, `${JSON.stringify(result, null, 2)}\n`);
  if (plot) writeFileSync(`${file}.svg`, drawPlot(name, plot, rows));
  return file;
}
