import { attention, type Graph, type HostTensor, trace } from '@lingbi/core';
import { noise, randomFloats } from '@lingbi/core/testing';

export interface Heads {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** What attention gets of the tokens of a text, from its first one on. */
export interface AttendedText extends Record<'qkv' | 'cos' | 'sin', HostTensor> {
  readonly of: Heads;
  readonly tokens: number;
}

const rowWidth = ({ heads, kvHeads, headDim }: Heads): number => (heads + 2 * kvHeads) * headDim;

export function attentionGraph(of: Heads): Graph {
  const { heads, kvHeads, headDim } = of;
  const angles = { shape: ['tokens', headDim / 2], dtype: 'float32' } as const;
  const qkv = { shape: ['tokens', rowWidth(of)], dtype: 'float32' } as const;
  return trace('attend', { qkv, cos: angles, sin: angles }, ({ qkv, cos, sin }) => ({
    y: attention(qkv, { cos, sin }, { heads, cache: { layer: 0, kvHeads, headDim } }),
  }));
}

/** Numbers up to `size`: the larger, the more a query sees of few positions only. */
export function imaginedText(seed: string, of: Heads, tokens: number, size = 2): AttendedText {
  const next = noise(`${seed} angles`);
  const turns = Float64Array.from({ length: (tokens * of.headDim) / 2 }, () => next() * Math.PI);
  const angles = (turn: (angle: number) => number): HostTensor => ({
    ...{ dtype: 'float32', shape: [tokens, of.headDim / 2] },
    data: Float32Array.from(turns, turn),
  });
  const qkv = randomFloats(seed, [tokens, rowWidth(of)], size);
  return { of, tokens, qkv, cos: angles(Math.cos), sin: angles(Math.sin) };
}

/** Tokens `from` ≤ token < `to` of each text, one text after the other. */
export function rowsOf(
  parts: readonly { readonly text: AttendedText; readonly from: number; readonly to: number }[],
): Record<'qkv' | 'cos' | 'sin', HostTensor> {
  const joined = (key: 'qkv' | 'cos' | 'sin'): HostTensor => {
    const width = parts[0]!.text[key].shape[1]!;
    const rows = parts.map(({ text, from, to }) =>
      (text[key].data as Float32Array).subarray(from * width, to * width),
    );
    const data = new Float32Array(rows.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const row of rows) {
      data.set(row, at);
      at += row.length;
    }
    return { dtype: 'float32', shape: [data.length / width, width], data };
  };
  return { qkv: joined('qkv'), cos: joined('cos'), sin: joined('sin') };
}

/** softmax(q · kᵀ / √headDim) · v in float64, for tokens `from` ≤ token < `to`: [tokens, heads · headDim]. */
export function exactAttention(text: AttendedText, from: number, to: number): Float64Array {
  const { heads, kvHeads, headDim } = text.of;
  const attended = new Float64Array((to - from) * heads * headDim);
  for (let head = 0; head < heads; head++) {
    const kvHead = Math.floor((head * kvHeads) / heads);
    const keys = turned(text, heads + kvHead, 0, to);
    const queries = turned(text, head, from, to);
    for (let token = from; token < to; token++) {
      const query = queries.subarray((token - from) * headDim, (token - from + 1) * headDim);
      const at = ((token - from) * heads + head) * headDim;
      mix(weightsOf(query, keys, token + 1), text, heads + kvHeads + kvHead, attended.subarray(at));
    }
  }
  return attended;
}

/** A head of some tokens' rows, turned by their angles: [tokens, headDim]. */
function turned(text: AttendedText, head: number, from: number, to: number): Float64Array {
  const { headDim } = text.of;
  const half = headDim / 2;
  const out = new Float64Array((to - from) * headDim);
  for (let token = from; token < to; token++) {
    const row = token * rowWidth(text.of) + head * headDim;
    for (let i = 0; i < half; i++) {
      const [first, second] = [text.qkv.data[row + i]!, text.qkv.data[row + half + i]!];
      const [cos, sin] = [text.cos, text.sin].map(({ data }) => data[token * half + i]!);
      out[(token - from) * headDim + i] = first * cos! - second * sin!;
      out[(token - from) * headDim + half + i] = second * cos! + first * sin!;
    }
  }
  return out;
}

function weightsOf(query: Float64Array, keys: Float64Array, positions: number): Float64Array {
  const weights = new Float64Array(positions);
  for (let position = 0; position < positions; position++) {
    let dot = 0;
    for (let i = 0; i < query.length; i++) dot += query[i]! * keys[position * query.length + i]!;
    weights[position] = dot / Math.sqrt(query.length);
  }
  const most = weights.reduce((a, b) => Math.max(a, b));
  const raised = weights.map((score) => Math.exp(score - most));
  const sum = raised.reduce((a, b) => a + b);
  return raised.map((each) => each / sum);
}

function mix(weights: Float64Array, text: AttendedText, head: number, out: Float64Array): void {
  const { headDim } = text.of;
  for (let position = 0; position < weights.length; position++) {
    const row = position * rowWidth(text.of) + head * headDim;
    for (let i = 0; i < headDim; i++) out[i]! += weights[position]! * text.qkv.data[row + i]!;
  }
}
