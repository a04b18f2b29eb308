/** The command as a user starts it, from its sources, in a process of its own. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../../', import.meta.url);
const program = [
  '--import',
  new URL('node_modules/tsx/dist/loader.mjs', root).href,
  '--conditions=lingbi:source',
  fileURLToPath(new URL('../main.ts', import.meta.url)),
];

/** A file or folder of the fixtures. */
export function fixture(path: string): string {
  return fileURLToPath(new URL(`fixtures/${path}`, root));
}

/** The checkpoint with random weights: what it says means nothing, and is always the same. */
export const microModel: readonly string[] = ['--model', fixture('ixc25-micro')];

export interface Ended {
  /** The exit code; of a process that a signal ended, the signal. */
  readonly code: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

interface LingbiOptions extends Pick<SpawnOptions, 'cwd' | 'env'> {
  readonly input?: string;
  /** Hears each line of the standard output, and may end the process. */
  readonly onLine?: (line: string, child: ChildProcess) => void;
}

/** Runs the command to its end. */
export function lingbi(words: readonly string[], options: LingbiOptions = {}): Promise<Ended> {
  const { cwd, env, input = '', onLine } = options;
  const child = spawn(process.execPath, [...program, ...words], {
    ...(cwd && { cwd }),
    env: { ...process.env, LINGBI_MODEL: undefined, ...env },
  });
  child.stdin.on('error', () => {}).end(input);
  let stdout = '';
  let stderr = '';
  let told = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    const lines = stdout.slice(told).split('\n').slice(0, -1);
    told += lines.reduce((length, line) => length + line.length + 1, 0);
    for (const line of lines) onLine?.(line, child);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code: code ?? signal!, stdout, stderr }));
  });
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever was printed.
export type PrintedEvent = { readonly type: string } & Readonly<Record<string, any>>;

/** What `--json` printed. @throws when a line is no JSON. */
export function eventsOf({ stdout }: Ended): PrintedEvent[] {
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}
