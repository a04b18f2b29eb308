import {
  attention,
  type Graph,
  type HostTensor,
  type KvFormat,
  LARGEST_STEP,
  roundRow,
  toFloat16,
  toFloat32,
  trace,
} from '@lingbi/core';
import { noise, randomFloats } from '@lingbi/core/testing';

export interface Heads {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

type RowsName = 'qkv' | 'cos' | 'sin';

/** What attention gets of the tokens of a text, from its first one on. */
export interface AttendedText extends Record<RowsName, HostTensor> {
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

/**
 * A text whose keys and values are rounded to int8 in one way only, whatever floats on the way: turned by
 * quarters, no number is near the middle between two steps.
 */
export function roundableText(seed: string, of: Heads, tokens: number, size = 2): AttendedText {
  const text = imaginedText(seed, of, tokens, size);
  const next = noise(`${seed} steps`);
  const quarters = Array.from({ length: text.cos.data.length }, () => Math.floor(2 + 2 * next()));
  const angles = (ofQuarters: readonly number[]): HostTensor => ({
    ...text.cos,
    data: Float32Array.from(quarters, (quarter) => ofQuarters[quarter]!),
  });
  const data = Float32Array.from(text.qkv.data);
  for (let head = of.heads; head < of.heads + 2 * of.kvHeads; head++) {
    for (let token = 0; token < tokens; token++) {
      data.set(roundableRow(next, of.headDim, size), token * rowWidth(of) + head * of.headDim);
    }
  }
  const qkv = { ...text.qkv, data };
  return { ...text, qkv, cos: angles([1, 0, -1, 0]), sin: angles([0, 1, 0, -1]) };
}

/** A text that a cache keeps as it is, or, in int8, in one way only. */
export function textKeptIn(
  kv: KvFormat,
  seed: string,
  of: Heads,
  tokens: number,
  size?: number,
): AttendedText {
  if (kv === 'float32') return imaginedText(seed, of, tokens, size);
  const text = roundableText(seed, of, tokens, size);
  return kv === 'int8' ? text : halved(text);
}

/** With numbers of float16 alone. Turned by quarters, they still are such. */
function halved(text: AttendedText): AttendedText {
  const halves = toFloat16(text.qkv.data as Float32Array);
  const data = toFloat32(new Uint8Array(halves.buffer), 'float16');
  return { ...text, qkv: { ...text.qkv, data } };
}

/** Up to 0.4 of a step from whole ones, the largest 127 of them. */
function roundableRow(next: () => number, headDim: number, size: number): Float32Array {
  const step = (size / LARGEST_STEP) * (0.75 + next() / 4);
  const row = Float32Array.from({ length: headDim }, () => {
    return (Math.round(126 * next()) + 0.4 * next()) * step;
  });
  row[Math.floor((headDim / 2) * (1 + next()))] = LARGEST_STEP * step;
  return row;
}

/** Rows of one head each, zeros but for what is given, which nothing turns. */
export function textOfRows(
  rows: readonly Readonly<Partial<Record<'query' | 'key' | 'value', Float32Array>>>[],
  of: Heads,
): AttendedText {
  const { headDim } = of;
  const data = new Float32Array(rows.length * rowWidth(of));
  for (const [token, { query, key, value }] of rows.entries()) {
    for (const [place, row] of [query, key, value].entries()) {
      if (row) data.set(row, token * rowWidth(of) + place * headDim);
    }
  }
  const angles = (number: number): HostTensor => ({
    ...{ dtype: 'float32', shape: [rows.length, headDim / 2] },
    data: new Float32Array((rows.length * headDim) / 2).fill(number),
  });
  const qkv = { dtype: 'float32', shape: [rows.length, rowWidth(of)], data } as const;
  return { of, tokens: rows.length, qkv, cos: angles(1), sin: angles(0) };
}

/** The tokens of a text up to `length`, and those of another behind them. */
export function goneOn(text: AttendedText, length: number, more: AttendedText): AttendedText {
  const parts = [
    { text, from: 0, to: length },
    { text: more, from: 0, to: more.tokens },
  ];
  return { of: text.of, tokens: length + more.tokens, ...rowsOf(parts) };
}

/** The same with another number at a place of a token's row. */
export function withNumber(
  text: AttendedText,
  token: number,
  at: number,
  number: number,
): AttendedText {
  const data = Float32Array.from(text.qkv.data);
  data[token * text.qkv.shape[1]! + at] = number;
  return { ...text, qkv: { ...text.qkv, data } };
}

/** Tokens `from` ≤ token < `to` of each text, one text after the other. */
export function rowsOf(
  parts: readonly { readonly text: AttendedText; readonly from: number; readonly to: number }[],
): Record<RowsName, HostTensor> {
  const joined = (key: RowsName): HostTensor => {
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

/**
 * softmax(q · kᵀ / √headDim) · v in float64, for tokens `from` ≤ token < `to`: [tokens, heads · headDim]. Keys and
 * values of the first `rounded` tokens are those of a cache in int8.
 */
export function exactAttention(
  text: AttendedText,
  from: number,
  to: number,
  rounded = 0,
): Float64Array {
  const { heads, kvHeads, headDim } = text.of;
  const attended = new Float64Array((to - from) * heads * headDim);
  for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
    const keys = turned(text, heads + kvHead, 0, to);
    const values = headOf(text, heads + kvHeads + kvHead, to);
    for (const rows of [keys, values]) roundRows(rows, rounded, headDim);
    const group = heads / kvHeads;
    for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
      const queries = turned(text, head, from, to);
      for (let token = from; token < to; token++) {
        const query = queries.subarray((token - from) * headDim, (token - from + 1) * headDim);
        const at = ((token - from) * heads + head) * headDim;
        mix(weightsOf(query, keys, token + 1), values, attended.subarray(at, at + headDim));
      }
    }
  }
  return attended;
}

/** The first rows become what int8 keeps of them. */
function roundRows(rows: Float64Array, count: number, headDim: number): void {
  const steps = new Int8Array(headDim);
  for (let at = 0; at < count * headDim; at += headDim) {
    const row = rows.subarray(at, at + headDim);
    const worth = roundRow(Float32Array.from(row), 0, headDim, steps, 0);
    row.set(Float64Array.from(steps, (each) => each * worth));
  }
}

/** A head of the first `to` rows: [tokens, headDim]. */
function headOf(text: AttendedText, head: number, to: number): Float64Array {
  const { headDim } = text.of;
  const out = new Float64Array(to * headDim);
  for (let token = 0; token < to; token++) {
    const row = token * rowWidth(text.of) + head * headDim;
    out.set((text.qkv.data as Float32Array).subarray(row, row + headDim), token * headDim);
  }
  return out;
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
  let most = -Infinity;
  for (let position = 0; position < positions; position++) {
    const at = position * query.length;
    let dot = 0;
    for (let i = 0; i < query.length; i++) dot += query[i]! * keys[at + i]!;
    weights[position] = dot / Math.sqrt(query.length);
    most = Math.max(most, weights[position]!);
  }
  let sum = 0;
  for (let i = 0; i < positions; i++) sum += weights[i] = Math.exp(weights[i]! - most);
  return weights.map((each) => each / sum);
}

function mix(weights: Float64Array, values: Float64Array, out: Float64Array): void {
  for (let position = 0; position < weights.length; position++) {
    const weight = weights[position]!;
    const at = position * out.length;
    for (let i = 0; i < out.length; i++) out[i]! += weight * values[at + i]!;
  }
}
