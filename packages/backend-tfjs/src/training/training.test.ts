import { randomFloats } from '@lingbi/core/testing';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { testedEngines } from '../test-files/engines.ts';
import { causalAttention, crossEntropy, linear, rmsNorm } from './index.ts';

type Differentiable = (...x: tf.Tensor[]) => tf.Tensor;

/** What every number of the answer counts in the sum that is differentiated. */
function weighted(y: tf.Tensor): tf.Tensor {
  return tf.sum(tf.mul(y, random('counts', ...y.shape)));
}

function random(seed: string, ...shape: number[]): tf.Tensor {
  return tf.tensor(randomFloats(seed, shape).data as Float32Array, shape);
}

/**
 * Gradients against differences of the function itself. Steps of 2⁻⁶ leave an error of about 1e-3 of
 * the largest gradient: float32 on one side, curvature on the other.
 */
async function expectGradients(f: Differentiable, inputs: readonly tf.Tensor[]): Promise<void> {
  const found = tf.grads((...x) => f(...x))([...inputs]);
  for (const [place, gradient] of found.entries()) {
    const wanted = differences(f, inputs, place);
    const size = Math.max(...wanted.map(Math.abs));
    expect(size).toBeGreaterThan(0.01);
    for (const [i, value] of (await gradient.data()).entries()) {
      expect(Math.abs(value - wanted[i]!), `input ${place}, number ${i}`).toBeLessThan(4e-3 * size);
    }
  }
}

function differences(f: Differentiable, inputs: readonly tf.Tensor[], place: number): number[] {
  const step = 2 ** -6;
  const original = inputs[place]!;
  const numbers = original.dataSync();
  const at = (index: number, change: number): number =>
    tf.tidy(() => {
      const moved = Float32Array.from(numbers);
      moved[index]! += change;
      return f(...inputs.with(place, tf.tensor(moved, original.shape))).dataSync()[0]!;
    });
  return Array.from(numbers, (_, i) => (at(i, step) - at(i, -step)) / (2 * step));
}

describe.each(testedEngines())('$name: gradients equal finite differences', (backend) => {
  beforeAll(async () => {
    const { engine } = await backend.engine();
    await tf.setBackend(engine);
  });

  test('of linear, for its input, weight and bias', async () => {
    const f = (x: tf.Tensor, w: tf.Tensor, b: tf.Tensor) =>
      weighted(linear(tf, x as tf.Tensor2D, w as tf.Tensor2D, b as tf.Tensor1D));
    await expectGradients(f as Differentiable, [
      random('x', 3, 4),
      random('w', 5, 4),
      random('b', 5),
    ]);
  });

  test('of rmsNorm, for its input and gain', async () => {
    const f = (x: tf.Tensor, gain: tf.Tensor) =>
      weighted(rmsNorm(tf, x as tf.Tensor2D, gain as tf.Tensor1D, 1e-5));
    await expectGradients(f as Differentiable, [random('x', 3, 6), random('gain', 6)]);
  });

  test('of causal attention with shared key heads', async () => {
    const angles = random('angles', 5, 2) as tf.Tensor2D;
    const rotary = { cos: tf.cos(angles), sin: tf.sin(angles) };
    const f = (qkv: tf.Tensor) =>
      weighted(
        causalAttention(tf, qkv as tf.Tensor2D, rotary, { heads: 4, kvHeads: 2, headDim: 4 }),
      );
    await expectGradients(f, [random('qkv', 5, 32)]);
  });

  test('of cross-entropy, where ignored rows have none', async () => {
    const labels = tf.tensor1d([2, -100, 0, 6], 'int32');
    const f = (logits: tf.Tensor) => crossEntropy(tf, logits as tf.Tensor2D, labels);
    const logits = random('logits', 4, 7);
    await expectGradients(f, [logits]);
    const gradient = tf.grad(f)(logits);
    const ignored = await tf.slice(gradient, [1, 0], [1, 7]).data();
    expect([...ignored].every((value) => value === 0)).toBe(true);
  });
});

test('cross-entropy is the mean over the labels that count', async () => {
  await tf.setBackend('cpu');
  const logits = tf.tensor2d([
    [0, 0],
    [5, 1],
    [Math.log(3), 0],
  ]);
  const loss = crossEntropy(tf, logits, tf.tensor1d([1, -100, 0], 'int32'));
  expect((await loss.data())[0]).toBeCloseTo((Math.log(2) + Math.log(4 / 3)) / 2, 6);
});
