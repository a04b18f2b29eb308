import { linear, trace } from '@lingbi/core';
import { noiseWeights } from '@lingbi/core/testing';
import * as tf from '@tensorflow/tfjs';
import { afterEach, expect, test, vi } from 'vitest';
import { tfjs } from '../tfjs.ts';
import { openEngine } from './open-engine.ts';

const nowhere = '/nowhere/tfjs_binding.node';

afterEach(() => vi.unstubAllEnvs());

test('without a native binding, auto takes wasm and says why', async () => {
  vi.stubEnv('LINGBI_TFJS_BINDING', nowhere);
  const report = await tfjs().engine();
  expect(report).toMatchObject({ engine: 'wasm', reason: 'it is the fastest that is here' });
  expect(report.refused).toEqual([
    { engine: 'tensorflow', because: `there is no tfjs_binding.node in ${nowhere}` },
  ]);
});

test('a program says which engine it runs on and why', async () => {
  const graph = trace('map', { x: { shape: ['rows', 2], dtype: 'float32' } }, ({ x }) => ({
    y: linear(x, { name: 'w', shape: [2, 2] }),
  }));
  vi.stubEnv('LINGBI_TFJS_BINDING', nowhere);
  await using program = await tfjs().compile({ graph }, noiseWeights(graph.weights));
  expect(program.device).toBe(
    `TensorFlow.js on WebAssembly, 1 thread (no tensorflow: there is no tfjs_binding.node in ${nowhere})`,
  );
});

test('an engine that was asked for and is not there is an error that says what to install', async () => {
  const asked = tfjs({ engine: 'tensorflow', binding: nowhere }).engine();
  await expect(asked).rejects.toThrow(
    `Cannot run on the TensorFlow.js engine "tensorflow": there is no tfjs_binding.node in ${nowhere}. Run "npm rebuild @tensorflow/tfjs-node"`,
  );
  await expect(asked).rejects.toMatchObject({
    name: 'EngineUnavailableError',
    engine: 'tensorflow',
  });
});

test('nothing of a missing native engine is registered', async () => {
  await expect(tfjs({ engine: 'tensorflow', binding: nowhere }).engine()).rejects.toThrow();
  expect(tf.getKernelsForBackend('tensorflow')).toEqual([]);
});

test('a binding that is none is an error that names the file', async () => {
  const binding = new URL(import.meta.url).pathname;
  await expect(tfjs({ engine: 'tensorflow', binding }).engine()).rejects.toThrow(
    `${binding} did not load`,
  );
  expect(tf.getKernelsForBackend('tensorflow')).toEqual([]);
});

test('webgpu without a GPU in reach says how to get one', async () => {
  await expect(tfjs({ engine: 'webgpu' }).engine()).rejects.toThrow(
    'this process has no navigator.gpu. Run "npm install webgpu"',
  );
});

test('formats below float32 need the tensorflow engine', async () => {
  await expect(tfjs({ engine: 'cpu', weights: 'int8' }).engine()).rejects.toThrow(
    'The TensorFlow.js engine "cpu" cannot keep weights as int8',
  );
});

test('the active engine stays what it was', async () => {
  await tf.setBackend('cpu');
  await openEngine({ engine: 'wasm', tf, binding: undefined });
  expect(tf.getBackend()).toBe('cpu');
});

test('an injected tf is the one that runs', async () => {
  const spied = { ...tf, findBackend: vi.fn(tf.findBackend) };
  await tfjs({ engine: 'cpu', tf: spied as typeof tf }).engine();
  expect(spied.findBackend).toHaveBeenCalledWith('cpu');
});

test('options that cannot be are errors that say what can', () => {
  expect(() => tfjs({ engine: 'webgl' as 'cpu' })).toThrow(
    'tfjs: engine is "webgl", but must be one of auto, tensorflow, wasm, cpu, webgpu',
  );
  expect(() => tfjs({ weights: 'int2' as 'int4' })).toThrow('weights is "int2"');
  expect(() => tfjs({ threads: 2 } as object)).toThrow(
    'unknown option threads. It takes engine, tf, binding, weights',
  );
});
