import { roundRow } from '../../backend/int8-rows.ts';
import type { CacheEntry, Kernel, KernelContext } from '../../backend/kernel-table.ts';
import type { CacheLayer } from '../../graph/graph.ts';
import { type Floats, floats, rowCount, width } from '../host.ts';

/** Appends the new keys and values to each segment's slot, then attends one query after the other. */
export const attention: Kernel<'attention', Floats> = (operands, { heads, cache }, context) => {
  const [qkv, cos, sin] = operands as [Floats, Floats, Floats];
  const { kvHeads, headDim } = cache;
  const result = floats([rowCount(qkv), heads * headDim]);
  let row = 0;
  for (const { slot, past, tokens } of context.segments) {
    const { keys, values } = room(context, cache, slot);
    for (let position = past; position < past + tokens; position++, row++) {
      const part = (head: number) => headOf(qkv, row, head, headDim);
      const rotated = (head: number) => rotate(part(head), angles(cos, row), angles(sin, row));
      for (let h = 0; h < kvHeads; h++) {
        const at = (h * context.capacity + position) * headDim;
        keys.data.set(kept(rotated(heads + h), context), at);
        values.data.set(kept(part(heads + kvHeads + h), context), at);
      }
      for (let h = 0; h < heads; h++) {
        const shared = Math.floor(h / (heads / kvHeads)) * context.capacity * headDim;
        const past = {
          keys: keys.data.subarray(shared, shared + (position + 1) * headDim),
          values: values.data.subarray(shared, shared + (position + 1) * headDim),
        };
        const at = (row * heads + h) * headDim;
        attend(rotated(h), past.keys, past.values, result.data.subarray(at, at + headDim));
      }
    }
  }
  return result;
};

export const selfAttention: Kernel<'selfAttention', Floats> = (operands, { heads }) => {
  const [q, k, v] = operands as [Floats, Floats, Floats];
  const headDim = width(q) / heads;
  const result = floats(q.shape);
  for (let h = 0; h < heads; h++) {
    const [keys, values] = [gatherHead(k, h, headDim), gatherHead(v, h, headDim)];
    for (let row = 0; row < rowCount(q); row++) {
      attend(headOf(q, row, h, headDim), keys, values, headOf(result, row, h, headDim));
    }
  }
  return result;
};

/** softmax(q · kᵀ / √headDim) · v for one query; keys and values are [positions, headDim]. */
function attend(
  query: Float32Array,
  keys: Float32Array,
  values: Float32Array,
  out: Float32Array,
): void {
  const headDim = query.length;
  const scores = new Float64Array(keys.length / headDim);
  let peak = -Infinity;
  for (let p = 0; p < scores.length; p++) {
    let dot = 0;
    for (let i = 0; i < headDim; i++) dot += query[i]! * keys[p * headDim + i]!;
    scores[p] = dot / Math.sqrt(headDim);
    peak = Math.max(peak, scores[p]!);
  }
  let total = 0;
  for (let p = 0; p < scores.length; p++) total += scores[p] = Math.exp(scores[p]! - peak);
  const sums = new Float64Array(headDim);
  for (let p = 0; p < scores.length; p++) {
    for (let i = 0; i < headDim; i++) sums[i]! += scores[p]! * values[p * headDim + i]!;
  }
  for (let i = 0; i < headDim; i++) out[i] = sums[i]! / total;
}

/** The first half of a head holds real parts, the second imaginary ones. */
function rotate(head: Float32Array, cos: Float32Array, sin: Float32Array): Float32Array {
  const half = head.length / 2;
  const out = new Float32Array(head.length);
  for (let i = 0; i < half; i++) {
    out[i] = head[i]! * cos[i]! - head[i + half]! * sin[i]!;
    out[i + half] = head[i + half]! * cos[i]! + head[i]! * sin[i]!;
  }
  return out;
}

/** A head as the cache keeps it: in int8, as far as that can tell it. */
function kept(head: Float32Array, { kv }: KernelContext<Floats>): Float32Array {
  if (kv === 'float32') return head;
  const steps = new Int8Array(head.length);
  const step = roundRow(head, 0, head.length, steps, 0);
  return Float32Array.from(steps, (each) => each * step);
}

function room(
  context: KernelContext<Floats>,
  layer: CacheLayer,
  slot: number,
): Required<CacheEntry<Floats>> {
  const entry = context.cache(layer, slot);
  const shape = [layer.kvHeads, context.capacity, layer.headDim];
  entry.keys = withRoom(entry.keys, shape);
  entry.values = withRoom(entry.values, shape);
  return entry as Required<CacheEntry<Floats>>;
}

/** Keys or values of a slot, [kvHeads, capacity, headDim], with that much room. */
function withRoom(known: Floats | undefined, shape: readonly number[]): Floats {
  if (known?.shape[1] === shape[1]) return known!;
  const longer = floats(shape);
  const [kvHeads, capacity, headDim] = shape as [number, number, number];
  for (let head = 0; known && head < kvHeads; head++) {
    const length = known.shape[1]! * headDim;
    longer.data.set(
      known.data.subarray(head * length, (head + 1) * length),
      head * capacity * headDim,
    );
  }
  return longer;
}

function headOf(x: Floats, row: number, head: number, headDim: number): Float32Array {
  const start = row * width(x) + head * headDim;
  return x.data.subarray(start, start + headDim);
}

function angles(table: Floats, row: number): Float32Array {
  return headOf(table, row, 0, width(table));
}

function gatherHead(x: Floats, head: number, headDim: number): Float32Array {
  const out = new Float32Array(rowCount(x) * headDim);
  for (let row = 0; row < rowCount(x); row++) out.set(headOf(x, row, head, headDim), row * headDim);
  return out;
}
