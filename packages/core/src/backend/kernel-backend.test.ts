import { describe, expect, test } from 'vitest';
import { trace } from '../graph/trace.ts';
import { add, scale } from '../ops/index.ts';
import { noiseWeights } from '../testing/index.ts';
import type { HostTensor } from './backend.ts';
import { kernelBackend } from './kernel-backend.ts';
import type { KernelTable } from './kernel-table.ts';

/** A table whose values can be counted: what is alive, and what was disposed twice. */
function countingTable(): KernelTable<{ host: HostTensor }> & { alive: Set<object> } {
  const alive = new Set<object>();
  const keep = (host: HostTensor) => {
    const value = { host };
    alive.add(value);
    return value;
  };
  const map = (x: HostTensor, of: (value: number) => number) =>
    keep({ ...x, data: (x.data as Float32Array).map(of) });
  return {
    alive,
    name: 'counting',
    device: 'nowhere',
    kernels: {
      scale: ([x], { factor }) => map(x!.host, (value) => value * factor),
      add: ([a, b]) => {
        if (Number.isNaN(a!.host.data[0])) throw new Error('kernel failed');
        let index = 0;
        return map(a!.host, (value) => value + b!.host.data[index++]!);
      },
    },
    upload: keep,
    download: async ({ host }) => host,
    inspect: ({ host }) => host,
    clone: ({ host }) => keep(host),
    dispose: (value) => {
      if (!alive.delete(value)) throw new Error('disposed twice');
    },
  };
}

const x = { shape: [4], dtype: 'float32' } as const;
const w = { name: 'w', shape: [4] } as const;
const graphs = {
  mix: trace('mix', { x }, ({ x }) => {
    const sum = add(scale(x, 2), w);
    return { sum, same: sum, input: x, doubled: add(sum, sum) };
  }),
};
const input = (first = 1): HostTensor => ({
  dtype: 'float32',
  shape: [4],
  data: Float32Array.of(first, 2, 3, 4),
});

describe('kernelBackend()', () => {
  test('values die after their last use; results and weights live until they are disposed', async () => {
    const table = countingTable();
    const program = await kernelBackend(table).compile(graphs, noiseWeights([w]));
    expect(table.alive.size).toBe(1);
    const outputs = await program.run('mix', { x: input() });
    expect(table.alive.size).toBe(1 + 4);
    for (const output of Object.values(outputs)) output[Symbol.dispose]();
    expect(table.alive.size).toBe(1);
    await program[Symbol.asyncDispose]();
    expect(table.alive.size).toBe(0);
  });

  test('a kernel that fails leaves nothing behind', async () => {
    const table = countingTable();
    await using program = await kernelBackend(table).compile(graphs, noiseWeights([w]));
    await expect(program.run('mix', { x: input(Number.NaN) })).rejects.toThrow('kernel failed');
    expect(table.alive.size).toBe(1);
  });

  test('names the operation that the table lacks, and where the model needs it', async () => {
    const { kernels, ...table } = countingTable();
    const backend = kernelBackend({ ...table, kernels: { scale: kernels.scale! } });
    await expect(backend.compile(graphs, noiseWeights([w]))).rejects.toThrow(
      'The counting backend has no "add" kernel, which "mix" needs: it offers scale',
    );
  });

  test('reports progress and stops loading when aborted', async () => {
    const table = countingTable();
    const seen: string[] = [];
    const stop = new AbortController();
    const two = {
      both: trace('both', { x }, ({ x }) => ({ y: add(add(x, w), { name: 'v', shape: [4] }) })),
    };
    const compiling = kernelBackend(table).compile(two, noiseWeights(two.both.weights), {
      onProgress({ loadedWeights, totalWeights }) {
        seen.push(`${loadedWeights} of ${totalWeights}`);
        stop.abort(new Error('changed my mind'));
      },
      signal: stop.signal,
    });
    await expect(compiling).rejects.toThrow('changed my mind');
    expect(seen).toEqual(['1 of 2']);
    expect(table.alive.size).toBe(0);
  });
});
