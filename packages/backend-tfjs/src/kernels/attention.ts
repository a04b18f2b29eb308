import type { CacheLayer, Kernel, KernelContext } from '@lingbi/core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import type { Engine } from '../engines/engine.ts';
import type { Value } from '../value.ts';
import { attend } from './attend.ts';
import { attendCausally } from './attend-causally.ts';
import { headRows } from './head-rows.ts';
import { appendPositions, type Past } from './past.ts';
import { rotate } from './rotate.ts';
import { appendRounded, type RoundedPast, widen } from './rounded-past.ts';

type RunSegment = KernelContext<Value>['segments'][number];

/**
 * Rows of all segments are rotated together. Then each segment attends to its own past: putting
 * pasts side by side for one batched product would copy all of them for every token.
 */
export function attention(engine: Engine): Kernel<'attention', Value> {
  const { tf } = engine;
  return (operands, { heads, cache }, context) => {
    const [qkv, cos, sin] = operands as [Tensor2D, Tensor2D, Tensor2D];
    const { kvHeads, headDim } = cache;
    const rows = qkv.shape[0];
    const parts: Tensor3D = tf.reshape(qkv, [rows, heads + 2 * kvHeads, headDim]);
    const turned = rotate(tf, headRows(tf, parts, 0, heads + kvHeads), cos, sin);
    const values = headRows(tf, parts, heads + kvHeads, kvHeads);
    let start = 0;
    const answers = context.segments.map((segment) => {
      const own = (x: Tensor3D) => rowsOf(tf, x, start, segment.tokens);
      const answer = attendSegment(engine, own(turned), own(values), segment, cache, context);
      start += segment.tokens;
      return answer;
    });
    return answers.length === 1 ? answers[0]! : tf.concat(answers, 0);
  };
}

/** `turned` [tokens, heads + kvHeads, headDim] holds queries, then keys. */
function attendSegment(
  engine: Engine,
  turned: Tensor3D,
  values: Tensor3D,
  { slot, past, tokens }: RunSegment,
  layer: CacheLayer,
  context: KernelContext<Value>,
): Tensor2D {
  const { tf } = engine;
  const { kvHeads } = layer;
  const heads = turned.shape[1] - kvHeads;
  const entry = context.cache(layer, slot);
  const queries = headRows(tf, turned, 0, heads);
  if (context.kv === 'int8') {
    const keys = headRows(tf, turned, heads, kvHeads);
    const rounded = appendRounded(entry.keys as RoundedPast | undefined, past, keys, values);
    entry.keys = rounded;
    return attendCausally(engine, queries, [widen(engine, rounded, layer)], kvHeads);
  }
  const longer = appendPositions(engine, entry.keys as Past | undefined, past, {
    keys: [tf.transpose(headRows(tf, turned, heads, kvHeads), [1, 2, 0])],
    values: [tf.transpose(values, [1, 0, 2])],
    length: tokens,
  });
  entry.keys?.dispose();
  entry.keys = longer;
  return attendCausally(engine, queries, longer.blocks, kvHeads);
}

export function selfAttention(engine: Engine): Kernel<'selfAttention', Value> {
  const { tf } = engine;
  return (operands, { heads }) => {
    const [q, k, v] = operands as [Tensor2D, Tensor2D, Tensor2D];
    const [rows, width] = q.shape;
    const split = (x: Tensor2D): Tensor3D => tf.reshape(x, [rows, heads, width / heads]);
    const past = {
      keys: [tf.transpose(split(k), [1, 2, 0])],
      values: [tf.transpose(split(v), [1, 0, 2])],
      length: rows,
    };
    const mixed = attend(engine, tf.transpose(split(q), [1, 0, 2]), [past]);
    return tf.reshape(tf.transpose(mixed, [1, 0, 2]), [rows, width]);
  };
}

function rowsOf(tf: Engine['tf'], x: Tensor3D, from: number, count: number): Tensor3D {
  if (count === x.shape[0]) return x;
  return tf.slice(x, [from, 0, 0], [count, x.shape[1], x.shape[2]]);
}
