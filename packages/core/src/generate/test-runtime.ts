/** For tests: a model whose next token depends on everything its slot of the cache holds. */
import type { KvCache } from '../backend/backend.ts';
import { CacheFullError } from '../backend/errors.ts';
import { rotaryPositions } from '../models/internlm2/rotary.ts';
import type { DecoderRuntime } from './decoder-runtime.ts';
import type { PromptChunk } from './prompt.ts';

export const SYMBOLS = 12;

export interface TestRuntime {
  readonly runtime: DecoderRuntime;
  /** What each slot holds. */
  readonly held: number[][];
  /** The slots of each run, as they were given. */
  readonly runs: number[][];
  /** Which slots continued which. */
  readonly extensions: [number, number][];
}

export function testRuntime(): TestRuntime {
  const [held, runs, extensions]: [number[][], number[][], [number, number][]] = [[], [], []];
  const runtime: DecoderRuntime = {
    origin: 'test',
    rotary: rotaryPositions({ headDim: 4, theta: 100, scaling: { kind: 'none' } }),
    createCache: ({ capacity, slots = 1, branches = 0 }) => {
      for (let slot = 0; slot < slots + branches; slot++) held[slot] = [];
      return listCache(held, capacity, extensions);
    },
    encodeImage: () => Promise.reject(new Error('this model sees no pictures')),
    async decode(step) {
      const { segments, cache, signal } = step;
      signal?.throwIfAborted();
      const data = step.kind === 'text' ? step.ids : step.rows.data;
      for (const { slot, tokens } of segments) {
        const past = held[slot]!.length;
        if (past + tokens > cache.capacity) throw new CacheFullError(tokens, past, cache.capacity);
      }
      runs.push(segments.map(({ slot }) => slot));
      let row = 0;
      const logits = segments.flatMap(({ slot, tokens, kept = 1 }) => {
        held[slot]!.push(...data.subarray(row, row + tokens));
        row += tokens;
        const lengths = Array.from({ length: kept }, (_, i) => held[slot]!.length - kept + i + 1);
        return lengths.flatMap((length) => [...testLogits(held[slot]!.slice(0, length))]);
      });
      return Float32Array.from(logits);
    },
  };
  return { runtime, held, runs, extensions };
}

/** Any change of the past changes all of them. */
export function testLogits(past: readonly number[]): Float32Array {
  const hash = past.reduce((sum, id) => (sum * 31 + id + 1) % 9973, 7);
  return Float32Array.from({ length: SYMBOLS }, (_, symbol) => 3 * Math.sin(hash * (symbol + 1)));
}

export function testPrompt(...ids: number[]): PromptChunk[] {
  return [{ type: 'text', ids: Int32Array.from(ids) }];
}

function listCache(held: number[][], capacity: number, extensions: [number, number][]): KvCache {
  return {
    slots: held.length,
    capacity,
    grow: () => Promise.reject(new Error('this cache cannot grow')),
    length: (slot = 0) => held[slot]!.length,
    held: (slot = 0) => held[slot]!.length,
    giveBack: () => {},
    truncate: (length, slot = 0) => void held[slot]!.splice(length),
    async copy(from, to) {
      held[to] = [...held[from]!];
    },
    async extend(from, to) {
      extensions.push([from, to]);
      held[to] = [...held[from]!];
    },
    [Symbol.dispose]: () => void held.splice(0),
  };
}
