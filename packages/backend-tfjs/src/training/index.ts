/**
 * The decoder's parts as functions of TensorFlow.js tensors, for gradients: `tf.variableGrads` and
 * `tf.grads` see through all of them. They run on the active engine. No optimiser, no data, no
 * checkpoints: those belong to whoever trains.
 */
import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import type { EngineName, Place, TensorFlow } from '../engines/engine.ts';
import { attendCausally } from '../kernels/attend-causally.ts';
import { headRows } from '../kernels/head-rows.ts';
import { scaledToUnit } from '../kernels/norms.ts';
import { rotate } from '../kernels/rotate.ts';

export type { TensorFlow } from '../engines/engine.ts';

/** Labels with this number are not learned (PyTorch's `ignore_index`; spec FINETUNE §4). */
export const IGNORED_LABEL = -100;

export interface AttentionHeads {
  readonly heads: number;
  /** Key and value heads, each shared by `heads / kvHeads` query heads. */
  readonly kvHeads: number;
  readonly headDim: number;
}

/** x [rows, in] · Wᵀ + b, with W as checkpoints store it, [out, in]. */
export function linear(tf: TensorFlow, x: Tensor2D, weight: Tensor2D, bias?: Tensor1D): Tensor2D {
  const mapped: Tensor2D = tf.matMul(x, weight, false, true);
  return bias ? tf.add(mapped, bias) : mapped;
}

/** x / √(mean(x²) + ε) · gain over the last axis. */
export function rmsNorm(tf: TensorFlow, x: Tensor2D, gain: Tensor1D, epsilon: number): Tensor2D {
  return scaledToUnit(tf, x, gain, epsilon) as Tensor2D;
}

/**
 * Rotary, grouped, causal attention among the rows of one sequence, without a cache. `qkv` is
 * [tokens, (heads + 2 · kvHeads) · headDim]: all query heads, all key heads, all value heads;
 * `cos` and `sin` are [tokens, headDim / 2]. Returns [tokens, heads · headDim].
 */
export function causalAttention(
  tf: TensorFlow,
  qkv: Tensor2D,
  { cos, sin }: { readonly cos: Tensor2D; readonly sin: Tensor2D },
  { heads, kvHeads, headDim }: AttentionHeads,
): Tensor2D {
  const place: Place = { tf, name: tf.getBackend() as EngineName };
  const tokens = qkv.shape[0];
  const parts: Tensor3D = tf.reshape(qkv, [tokens, heads + 2 * kvHeads, headDim]);
  const turned = rotate(tf, headRows(tf, parts, 0, heads + kvHeads), cos, sin);
  const own = {
    keys: [tf.transpose(headRows(tf, turned, heads, kvHeads), [1, 2, 0])],
    values: [tf.transpose(headRows(tf, parts, heads + kvHeads, kvHeads), [1, 0, 2])],
    length: tokens,
  };
  return attendCausally(place, headRows(tf, turned, 0, heads), [own], kvHeads);
}

/**
 * Mean of −log softmax(logits) at the labels, over the rows whose label is not ignored; not a number
 * when all are. `logits` is [rows, vocabulary], `labels` int32 [rows]: the label of a row is the
 * token after it. Takes three times the memory of the logits.
 */
export function crossEntropy(tf: TensorFlow, logits: Tensor2D, labels: Tensor1D): Tensor {
  const learned = tf.cast(tf.notEqual(labels, IGNORED_LABEL), 'float32');
  const inside = tf.maximum(labels, tf.scalar(0, 'int32'));
  const wanted = tf.mul(
    tf.cast(tf.oneHot(inside, logits.shape[1]), 'float32'),
    tf.expandDims(learned, 1),
  );
  const picked = tf.sum(tf.mul(wanted, tf.logSoftmax(logits)));
  return tf.neg(tf.div(picked, tf.sum(learned)));
}
