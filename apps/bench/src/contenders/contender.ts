/**
 * Runtimes that are measured side by side, each in a process of its own: one that crashes or is not
 * there is a row of the table that says so. Requests and answers are lines of JSON.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What a runtime is asked to open. */
export interface Opening {
  /** A folder or a file, whatever the runtime reads. */
  readonly model: string;
  readonly threads: number;
  /** How many tokens a sequence may have. */
  readonly capacity: number;
  /** How keys and values are kept, where a runtime leaves that open. Default: as it likes. */
  readonly kv?: 'int8' | 'float32';
  /** When weights of ours leave their file for large pages. Default: as it likes, beside whatever else runs. */
  readonly largePages?: 'first' | 'never';
  /** Whether weights of a peer stay in their file. Default: as it likes. */
  readonly useMmap?: boolean;
  /** Where the runtime itself is installed, if it is no part of this repository. */
  readonly packages?: string;
}

export interface Opened {
  /** Its name and version, for people. */
  readonly runtime: string;
  /** From asking to the first token, in milliseconds. */
  readonly ready: number;
}

/** Work that a contender times by itself, in milliseconds. */
export type Work =
  /** Reads a prompt of so many tokens, from nothing. */
  | { readonly task: 'prefill'; readonly tokens: number }
  /** Writes so many tokens after what it has read: one time for each. */
  | { readonly task: 'decode'; readonly tokens: number }
  /** Encodes one tile of a picture. */
  | { readonly task: 'tile' };

export interface Contender extends AsyncDisposable {
  readonly name: string;
  readonly opened: Opened;
  work(work: Work): Promise<readonly number[]>;
  /** Resident memory of its process, in bytes; 0 where the system does not tell. */
  memory(): Promise<number>;
}

/** A contender that is not there, and why. */
export interface Absent {
  readonly name: string;
  readonly why: string;
}

export function isAbsent(contender: Contender | Absent): contender is Absent {
  return 'why' in contender;
}

export interface ContenderProgram {
  readonly name: string;
  /** A module of this folder, or a command of another language. */
  readonly program: string | readonly [command: string, ...options: string[]];
  readonly opening: Opening;
  /** Variables of its environment beside those of the bench. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts it and waits until it has written its first token. */
export async function startContender(program: ContenderProgram): Promise<Contender | Absent> {
  const { name } = program;
  try {
    const line = new Conversation(spawnProgram(program));
    const opened = (await line.ask({ task: 'open', ...program.opening })) as Opened;
    return {
      name,
      opened,
      work: (work) => line.ask(work) as Promise<readonly number[]>,
      memory: () => line.ask({ task: 'memory' }) as Promise<number>,
      [Symbol.asyncDispose]: () => line.end(),
    };
  } catch (error) {
    return { name, why: (error as Error).message };
  }
}

function spawnProgram({ program, environment }: ContenderProgram): ChildProcessWithoutNullStreams {
  const options = { env: { ...process.env, ...environment } };
  if (typeof program !== 'string') return spawn(program[0], program.slice(1), options);
  const file = fileURLToPath(new URL(program, import.meta.url));
  return spawn(process.execPath, [...process.execArgv, file], options);
}

class Conversation {
  readonly #lines: AsyncIterator<string>;
  #complaint = '';

  constructor(readonly child: ChildProcessWithoutNullStreams) {
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.on('error', (error) => {
      this.#complaint = error.message;
    });
    child.stdin.on('error', () => {}); // it has ended: the missing answer says so
    child.stderr.on('data', (text: Buffer) => {
      this.#complaint = text.toString().trim() || this.#complaint;
    });
  }

  async ask(request: object): Promise<unknown> {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`it ended: ${this.#complaint.split('\n').at(-1)}`);
      if (!value.startsWith('{"answer":') && !value.startsWith('{"error":')) continue;
      const { answer, error } = JSON.parse(value);
      if (error) throw new Error(error);
      return answer;
    }
  }

  async end(): Promise<void> {
    this.child.stdin.end();
    if (this.child.exitCode === null) await once(this.child, 'exit');
  }
}
