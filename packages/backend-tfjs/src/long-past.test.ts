import { type HostTensor, type KvCache, type Program, referenceBackend } from '@lingbi/core';
import { expectClose, noiseWeights } from '@lingbi/core/testing';
import { describe, test } from 'vitest';
import { testedEngines } from './test-files/engines.ts';
import { decode, longDecoder, textRows } from './test-files/small-model.ts';

const graphs = { decode: longDecoder() };
const weights = noiseWeights(graphs.decode.weights);

async function expected(seed: string, length: number): Promise<HostTensor> {
  await using program = await referenceBackend.compile(graphs, weights);
  using cache = program.createCache({ capacity: length });
  return await decode(program, textRows(seed, 0, length), { cache });
}

/** Feeds positions up to `to` in steps. */
async function feed(
  program: Program,
  cache: KvCache,
  seed: string,
  to: number,
  step = to,
  slot = 0,
): Promise<HostTensor> {
  let found: HostTensor | undefined;
  for (let from = cache.length(slot); from < to; from += step) {
    const tokens = Math.min(step, to - from);
    const segments = [{ slot, tokens }];
    found = await decode(program, textRows(seed, from, from + tokens), { cache, segments });
  }
  return found!;
}

describe.each(testedEngines())('$name: a past longer than its recent block', (backend) => {
  test('is the same read at once, token by token and in steps', async () => {
    await using program = await backend.compile(graphs, weights);
    using cache = program.createCache({ capacity: 400 });
    const wanted = await expected('long', 280);
    expectClose(await feed(program, cache, 'long', 280), wanted, 1e-5, 'at once');
    cache.truncate(120);
    await feed(program, cache, 'long', 140, 1);
    expectClose(await feed(program, cache, 'long', 280, 70), wanted, 1e-5, 'in steps');
  });

  test('can be truncated within its settled block', async () => {
    await using program = await backend.compile(graphs, weights);
    using cache = program.createCache({ capacity: 400 });
    await feed(program, cache, 'first', 150, 50);
    cache.truncate(100);
    await feed(program, cache, 'other', 120, 20);
    cache.truncate(100);
    const found = await feed(program, cache, 'first', 160, 30);
    expectClose(found, await expected('first', 160), 1e-5, 'after truncate');
  });

  test('is shared by copied slots, which go on apart', async () => {
    await using program = await backend.compile(graphs, weights);
    using cache = program.createCache({ capacity: 400, slots: 3 });
    await feed(program, cache, 'shared', 150, 50);
    await cache.copy(0, 1);
    await cache.copy(0, 2);
    await feed(program, cache, 'elsewhere', 190, 20, 0);
    cache.truncate(10, 1);
    await feed(program, cache, 'elsewhere', 160, 50, 1);
    const found = await feed(program, cache, 'shared', 180, 30, 2);
    expectClose(found, await expected('shared', 180), 1e-5, 'slot 2');
  });
});
