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
  tiles: async () => (await import('./tiles.ts')).tilesBench,
  batch: async () => (await import('./batch.ts')).batchBench,
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
const options = optionsOf();
const complaints = await complaintsOf(positionals);
if (positionals.length === 0 || complaints.length > 0) {
  for (const complaint of complaints) console.error(complaint);
  await printUsage();
  process.exitCode = complaints.length > 0 ? 1 : 0;
} else {
  const machine = describeMachine();
  console.log(`${machineLine(machine)}\n`);
  for (const name of positionals as BenchName[]) await measure(name, machine);
}

async function measure(name: BenchName, machine: Machine): Promise<void> {
  const bench = await benches[name]();
  console.log(`## ${name}\n\n${bench.describe}\n`);
  const rows = await bench.run(options);
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

/** What stands in the way, before anything is measured. */
async function complaintsOf(names: readonly string[]): Promise<string[]> {
  const complaints: string[] = [];
  if (options.runs !== undefined && !(Number.isInteger(options.runs) && options.runs >= 1)) {
    complaints.push(`--runs is a whole number from 1 on, not ${values.runs}.`);
  }
  for (const name of names) {
    if (!Object.hasOwn(benches, name)) complaints.push(`There is no bench ${name}.`);
    else complaints.push(...(await misfitsOf(name as BenchName)));
  }
  return complaints;
}

async function misfitsOf(name: BenchName): Promise<string[]> {
  const { takes = [], choices = [] } = await benches[name]();
  const ignored = (Object.keys(options) as (keyof BenchOptions)[]).filter(
    (option) => !takes.includes(option),
  );
  const complaints = ignored.map((option) => `The bench ${name} has no --${option}.`);
  if (ignored.includes('only')) return complaints;
  const unknown = (options.only ?? []).filter((each) => !choices.includes(each));
  const offer = `It takes ${choices.join(', ')}.`;
  return [
    ...complaints,
    ...unknown.map((each) => `The bench ${name} has no part ${each}. ${offer}`),
  ];
}

async function printUsage(): Promise<void> {
  console.log('npm run bench -- NAME… [--json] [--shape 7b] [--only int4-128,4096] [--runs 20]\n');
  for (const [name, load] of Object.entries(benches)) {
    console.log(`  ${name.padEnd(12)} ${(await load()).describe}`);
  }
}
