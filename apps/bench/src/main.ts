/**
 * Measures and prints: `npm run bench -- tokenizer vision`. With `--json` the figures are written to
 * bench-results/ as well.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Bench, Row } from './bench.ts';
import { describeMachine, type Machine, machineLine, markdownTable } from './report.ts';

/** Imported when asked for: a bench may need a library that another does without. */
const benches = {
  tokenizer: async () => (await import('./tokenizer.ts')).tokenizerBench,
  vision: async () => (await import('./vision.ts')).visionBench,
  video: async () => (await import('./video.ts')).videoBench,
  tfjs: async () => (await import('./tfjs.ts')).tfjsBench,
  quality: async () => (await import('./quality.ts')).qualityBench,
} satisfies Record<string, () => Promise<Bench>>;
type BenchName = keyof typeof benches;

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false } },
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
  const rows = await bench.run();
  console.log(`${markdownTable(rows)}\n`);
  if (values.json) console.log(`Written to ${writeResult(name, machine, rows)}\n`);
}

function writeResult(name: string, machine: Machine, rows: readonly Row[]): string {
  const time = new Date().toISOString();
  const file = `bench-results/${name}-${time.replaceAll(/[:.]/g, '-')}.json`;
  mkdirSync('bench-results', { recursive: true });
  writeFileSync(file, `${JSON.stringify({ name, time, machine, rows }, null, 2)}\n`);
  return file;
}

async function printUsage(unknown: readonly string[]): Promise<void> {
  if (unknown.length > 0) console.error(`There is no bench ${unknown.join(', ')}.\n`);
  console.log('npm run bench -- NAME… [--json]\n');
  for (const [name, load] of Object.entries(benches)) {
    console.log(`  ${name.padEnd(12)} ${(await load()).describe}`);
  }
}
