import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAdapter } from '../../adapters/open-adapter.ts';
import { writeAdapter } from '../../adapters/test-files/made-up-adapter.ts';
import type { Backend } from '../../backend/backend.ts';
import type { GenerationEvent } from '../../generate/generate.ts';
import { generate, type TokenEvent } from '../../generate/generate.ts';
import { referenceBackend } from '../../reference/reference-backend.ts';
import { openCheckpoint } from '../../weights/open-checkpoint.ts';
import { compileXComposer } from './compile-model.ts';
import type { XComposer } from './model.ts';

const micro = fileURLToPath(new URL('../../../../../fixtures/ixc25-micro', import.meta.url));
const options = { stopTokens: new Set<number>(), maxNewTokens: 9, topLogprobs: 3 };
const prompt = [{ type: 'text', ids: Int32Array.of(1, 92543, 1008, 364, 5054) }] as const;
const adapters = ['base', 'web', 'mine', 'write', 'base'];

let folder: string;
const runs: string[] = [];
let model: XComposer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-mixed-'));
  model = await compileXComposer({
    ...{ backend: watched(referenceBackend), checkpoint: await openCheckpoint(micro) },
    config: JSON.parse(readFileSync(`${micro}/config.json`, 'utf8')),
  });
  await load(await writeAdapter(join(folder, 'one'), { seed: 'one' }));
});
afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function load(where: string): Promise<void> {
  await using adapter = await openAdapter(where);
  await model.loadAdapter('mine', adapter);
}

/** Notes the name of every graph that runs; those that were added run through the same door. */
function watched(backend: Backend): Backend {
  return {
    ...backend,
    async compile(graphs, weights, given) {
      const program = await backend.compile(graphs, weights, given);
      const run = program.run.bind(program);
      program.run = (graph, ...rest) => {
        runs.push(graph);
        return run(graph, ...rest);
      };
      return program;
    },
  };
}

async function logprobsOf(events: AsyncIterable<GenerationEvent>): Promise<unknown[]> {
  const tokens: TokenEvent[] = [];
  for await (const event of events) if (event.type === 'token') tokens.push(event);
  return tokens.map(({ token, logprobs }) => [token, logprobs!.top.map((each) => each.logprob)]);
}

async function alone(adapter: string): Promise<unknown[]> {
  using sequence = model.openSequence({ capacity: 16, adapter });
  return await logprobsOf(generate(sequence, prompt, options));
}

/** What each adapter writes in a batch, and what ran while all of them wrote. */
async function together(): Promise<{ answers: unknown[][]; ran: readonly string[] }> {
  const size = { slots: adapters.length, capacity: 16, automatic: false };
  await using scheduler = model.openScheduler(size);
  const all = adapters.map((adapter) => scheduler.admit({ prompt, adapter, ...options }).events);
  const answers = Promise.all(all.map(logprobsOf));
  for (const _ of adapters) await scheduler.step(); // a prompt each
  runs.length = 0;
  for (let i = 0; i < 2; i++) await scheduler.step();
  const ran = [...runs];
  while ((await scheduler.step()) || scheduler.load.running > 0);
  return { answers: await answers, ran };
}

test('tokens of several adapters are decoded in one run', async () => {
  const { answers, ran } = await together();
  expect(ran).toEqual(['decodeMixed.mine+web+write', 'decodeMixed.mine+web+write']);
  for (const [i, adapter] of adapters.entries()) expect(answers[i]).toEqual(await alone(adapter));
});

test('an adapter of the same name that comes later acts as itself', async () => {
  const { answers: before } = await together();
  await model.unloadAdapter('mine');
  await load(await writeAdapter(join(folder, 'two'), { seed: 'two' }));
  const { answers } = await together();
  const [, , mine, ...others] = answers;
  expect(mine).not.toEqual(before[2]);
  expect(mine).toEqual(await alone('mine'));
  expect(others).toEqual(before.slice(3));
});
