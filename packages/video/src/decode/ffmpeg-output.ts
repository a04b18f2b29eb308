import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { atExit } from '../at-exit.ts';
import { DecoderFailedError } from '../errors.ts';

/** One run of ffmpeg. */
export interface FfmpegRun {
  /** The video as errors call it. */
  readonly video: string;
  readonly ffmpeg: string;
  readonly arguments: readonly string[];
  /** What it reads from its standard input; nothing by default. */
  readonly input?: string | undefined;
  /** Ends the run at once. */
  readonly signal: AbortSignal;
  /** Called once at the end, unless ffmpeg had nothing to say. */
  readonly onComplaints?: (text: string) => void;
}

type Child = ChildProcessByStdio<Writable | null, Readable, Readable>;

/** How a process ended. */
interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * What ffmpeg writes to its output, as it comes. ffmpeg waits while nobody asks for more. Whichever way
 * this ends, by the end of the output, by an error, by the signal or because the consumer has had
 * enough, neither ffmpeg nor a process that it started is left.
 *
 * @throws DecoderFailedError when it cannot be started or fails; the signal's reason when it aborts.
 */
export async function* ffmpegOutput(run: FfmpegRun): AsyncGenerator<Uint8Array> {
  run.signal.throwIfAborted();
  const child = start(run);
  const exit = exitOf(child);
  const complaints = lastOf(child.stderr);
  const stop = (): void => {
    killGroup(child);
    child.stdout.destroy();
  };
  using _exit = atExit(() => killGroup(child));
  run.signal.addEventListener('abort', stop, { once: true });
  try {
    // No yield*: it costs some microseconds an item, and there are 100 items a frame.
    for await (const chunk of child.stdout as AsyncIterable<Uint8Array>) yield chunk;
    run.signal.throwIfAborted();
    await checkExit(exit, complaints, run);
  } catch (error) {
    run.signal.throwIfAborted(); // its reason, rather than that the output was closed
    throw error;
  } finally {
    run.signal.removeEventListener('abort', stop);
    stop();
    await exit.catch(() => {}); // reported above; here only nothing must be left
    if (complaints() !== '') run.onComplaints?.(complaints());
  }
}

/** On POSIX ffmpeg leads a group of its own, so that a wrapper's children end with it. */
const hasGroups = process.platform !== 'win32';

/**
 * ffmpeg tells its progress twice a second, into a pipe that ends with this process: so it ends, too,
 * when this one is killed and cannot clean up.
 */
function start({ ffmpeg, arguments: args, input }: FfmpegRun): Child {
  const progress = hasGroups ? ['-progress', 'pipe:3'] : [];
  const child: ChildProcess = spawn(ffmpeg, [...progress, ...args], {
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', hasGroups ? 'pipe' : 'ignore'],
    detached: hasGroups,
    windowsHide: true,
  });
  const told = child.stdio[3] as Readable | null | undefined;
  told?.on('error', () => {}).resume(); // read, so that ffmpeg never waits for it
  child.stdin?.on('error', () => {}).end(input); // one that dies before it has read all says why
  return child as Child;
}

function killGroup(child: Child): void {
  if (child.pid === undefined) return;
  try {
    if (hasGroups) process.kill(-child.pid, 'SIGKILL');
    else child.kill('SIGKILL');
  } catch {
    // Nobody is left to be killed.
  }
}

function exitOf(child: Child): Promise<Exit> {
  const exit = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  exit.catch(() => {}); // awaited later, and rejections must not be unhandled until then
  return exit;
}

async function checkExit(
  exit: Promise<Exit>,
  complaints: () => string,
  run: FfmpegRun,
): Promise<void> {
  const fail = (problem: string, cause?: unknown): never => {
    throw new DecoderFailedError(run.video, run.ffmpeg, problem, complaints(), { cause });
  };
  let ended: Exit;
  try {
    ended = await exit;
  } catch (cause) {
    return fail(`could not be started (${cause instanceof Error ? cause.message : cause})`, cause);
  }
  if (ended.signal !== null) fail(`was ended by ${ended.signal}`);
  if (ended.code !== 0) fail(`ended with exit code ${ended.code}`);
}

/** A broken video can complain about every block of every frame. */
const complaintLength = 16_000;

function lastOf(output: Readable): () => string {
  let text = '';
  output.setEncoding('utf8');
  output.on('data', (chunk: string) => {
    text = (text + chunk).slice(-complaintLength);
  });
  output.on('error', () => {}); // it is destroyed with the process
  return () => text.trim();
}
