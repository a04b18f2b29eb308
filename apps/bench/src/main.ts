/**
 * Measures and prints: `npm run bench -- tokenizer vision`. With `--json` the figures are written to
 * bench-results/ as well, and drawn where they depend on something.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Absence, Bench, BenchOptions, Row } from './bench.ts';
import { drawPlot } from './plot.ts';
import { describeMachine, type Machine, machineLine, markdownTable } from './report.ts';

/** Imported when asked for: a bench may need a library that another does without. */
const benches = {
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
  lookup: async () => (await import('./lookup.ts')).lookupBench,
  generation: async () => (await import('./generation.ts')).generationBench,
} satisfies Record<string, () => Promise<Bench>>;
type BenchName = keyof typeof benches;

const { values, positionals } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    shape: { type: 'string' },
    only: { type: 'string' },
    runs: { type: 'string' },
  },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !(name in benches));
if (positionals.length === 0 || unknown.length > 0) {
  await printUsage(unknown);
  process.exitCode = unknown.length > 0 ? 1 : 0;
} else {
  const machine = describeMachine();
  console.log(`${machineLine(machine)}\n`);
  for (const name of positionals as BenchName[]) await measure(name, machine);
}

async function measure(name: BenchName, machine: Machine): Promise<void> {
  const bench = await benches[name]();
  console.log(`## ${name}\n\n${bench.describe}\n`);
  const rows = await bench.run(optionsOf());
  console.log(`${markdownTable(rows)}\n`);
  if (values.json) console.log(`Written to ${writeResult(name, bench, machine, rows)}\n`);
}

function optionsOf(): BenchOptions {
  const { shape, only, runs } = values;
  return {
    ...(shape && { shape }),
    ...(only && { only: only.split(',') }),
    ...(runs && { runs: Number(runs) }),
  };
}

function writeResult(
  name: string,
  { plot }: Bench,
  machine: Machine,
  rows: readonly (Row | Absence)[],
): string {
  const time = new Date().toISOString();
  const file = `bench-results/${name}-${time.replaceAll(/[:.]/g, '-')}`;
  mkdirSync('bench-results', { recursive: true });
  writeFileSync(`${file}.json`, `${JSON.stringify({ name, time, machine, rows }, null, 2)}\n`);
  if (plot) writeFileSync(`${file}.svg`, drawPlot(name, plot, rows));
  return file;
}

async function printUsage(unknown: readonly string[]): Promise<void> {
  if (unknown.length > 0) console.error(`There is no bench ${unknown.join(', ')}.\n`);
  console.log('npm run bench -- NAME… [--json] [--shape 7b] [--only int4-128,4096] [--runs 20]\n');
  for (const [name, load] of Object.entries(benches)) {
    console.log(`  ${name.padEnd(12)} ${(await load()).describe}`);
  }
}
