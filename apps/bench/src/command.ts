/** What a command line of the bench asks for. Measures nothing. */
import { parseArgs } from 'node:util';
import { synthShapes } from '@lingbi/hub';
import type { Bench, BenchOptions } from './bench.ts';

/** Imported when asked for: a bench may need a library that another does without. */
export type Benches = Readonly<Record<string, () => Promise<Bench>>>;

export type Command =
  | { readonly kind: 'help' }
  /** Nothing is measured: a line for each thing that cannot be. */
  | { readonly kind: 'refusal'; readonly complaints: readonly string[] }
  | {
      readonly kind: 'measure';
      readonly names: readonly string[];
      readonly options: BenchOptions;
      readonly json: boolean;
    };

/** @param words what stands behind `npm run bench --` */
export async function readCommand(words: readonly string[], benches: Benches): Promise<Command> {
  const parsed = parse(words);
  if ('complaint' in parsed) return { kind: 'refusal', complaints: [parsed.complaint] };
  const { values, positionals: names } = parsed;
  const options = optionsOf(values);
  if (values.help || (names.length === 0 && words.length === 0)) return { kind: 'help' };
  const complaints = await complaintsOf(names, options, benches);
  if (complaints.length > 0) return { kind: 'refusal', complaints };
  return { kind: 'measure', names, options, json: values.json ?? false };
}

export async function usageOf(benches: Benches): Promise<string> {
  const lines = Object.entries(benches).map(async ([name, load]) => {
    const { describe, takes = [], choices = [] } = await load();
    const only = takes.includes('only') ? [`--only ${choices.join(',')}`] : [];
    const others = takes.filter((option) => option !== 'only').map((option) => `--${option}`);
    const options = [...others, ...only].join(' ');
    return `  ${name.padEnd(12)} ${describe}${options && `\n${' '.repeat(15)}${options}`}`;
  });
  return `${usage}\n\n${(await Promise.all(lines)).join('\n')}`;
}

const usage = `npm run bench -- NAME… [options]

  --json         also writes bench-results/*.json, and *.svg of a bench that has a plot
  --shape NAME   sizes of the model: ${Object.keys(synthShapes).join(', ')}
  --only A,B     parts of a bench
  --runs COUNT   how often each is measured
  --help         this`;

const optionTypes = {
  json: { type: 'boolean' },
  shape: { type: 'string' },
  only: { type: 'string' },
  runs: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: optionTypes, allowPositionals: true });
  } catch (error) {
    if (!(error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS')) throw error;
    // What Node says further is how to pass a name that begins with a dash: no bench has such.
    const [reason] = (error as Error).message.split(/\.\s/);
    const offer = Object.keys(optionTypes).map((name) => `--${name}`);
    return { complaint: `${reason}: there are ${offer.join(', ')}.` };
  }
}

interface Values {
  readonly shape?: string | undefined;
  readonly only?: string | undefined;
  readonly runs?: string | undefined;
}

function optionsOf({ shape, only, runs }: Values): BenchOptions {
  return {
    ...(shape !== undefined && { shape }),
    ...(only !== undefined && { only: only.split(',') }),
    ...(runs !== undefined && { runs: Number(runs) }),
  };
}

/** What stands in the way, before anything is measured. */
async function complaintsOf(
  names: readonly string[],
  options: BenchOptions,
  benches: Benches,
): Promise<string[]> {
  const { runs, shape } = options;
  const complaints: string[] = [];
  if (names.length === 0) complaints.push(`Which bench? There are ${listOf(benches)}.`);
  if (runs !== undefined && !(Number.isInteger(runs) && runs >= 1)) {
    complaints.push('--runs takes a whole number from 1 on.');
  }
  if (shape !== undefined && !Object.hasOwn(synthShapes, shape)) {
    complaints.push(`There is no shape ${shape}: choose ${listOf(synthShapes)}.`);
  }
  for (const name of names) complaints.push(...(await misfitsOf(name, options, benches)));
  return complaints;
}

async function misfitsOf(name: string, options: BenchOptions, benches: Benches): Promise<string[]> {
  if (!Object.hasOwn(benches, name))
    return [`There is no bench ${name}: choose ${listOf(benches)}.`];
  const { takes = [], choices = [] } = await benches[name]!();
  const ignored = (Object.keys(options) as (keyof BenchOptions)[]).filter(
    (option) => !takes.includes(option),
  );
  const complaints = ignored.map((option) => `The bench ${name} has no --${option}.`);
  if (ignored.includes('only')) return complaints;
  const unknown = (options.only ?? []).filter((each) => !choices.includes(each));
  const offer = `choose ${choices.join(', ')}.`;
  return [
    ...complaints,
    ...unknown.map((each) => `The bench ${name} has no part ${each}: ${offer}`),
  ];
}

function listOf(named: object): string {
  return Object.keys(named).join(', ');
}
