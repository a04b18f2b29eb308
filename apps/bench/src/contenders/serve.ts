import { createInterface } from 'node:readline';
import type { Opened, Opening, Work } from './contender.ts';

/** What a contender's own process does. */
export interface Server {
  readonly runtime: string;
  work(work: Work): Promise<readonly number[]>;
}

/** Answers the lines that contender.ts writes, one after the other, until there are no more. */
export async function serve(open: (opening: Opening) => Promise<Server>): Promise<void> {
  let server: Server | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      const { task, ...request } = JSON.parse(line);
      if (task === 'open') {
        const started = performance.now();
        server = await open(request);
        await server.work({ task: 'prefill', tokens: 8 });
        const { runtime } = server;
        answer({ runtime, ready: performance.now() - started } satisfies Opened);
      } else if (task === 'memory') answer(process.memoryUsage.rss());
      else answer(await server!.work({ task, ...request }));
    } catch (error) {
      console.log(JSON.stringify({ error: (error as Error).message }));
    }
  }
  process.exit(0); // native threads of some runtimes would keep the process
}

function answer(value: unknown): void {
  console.log(JSON.stringify({ answer: value }));
}

/** Ids that no tokenizer treats as special, the same for every contender. */
export function promptIds(tokens: number): Int32Array {
  return Int32Array.from({ length: tokens }, (_, at) => 300 + ((at * 37) % 90_000));
}

/** The time that a task takes, in milliseconds. */
export async function timeOf(task: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await task();
  return performance.now() - started;
}
