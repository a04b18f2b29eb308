import { describe, expect, test } from 'vitest';
import { add, linear, rmsNorm } from '../ops/index.ts';
import type { Tensor } from './graph.ts';
import { printGraph } from './print-graph.ts';
import { inScope, trace } from './trace.ts';

const down = { name: 'layers.0.mlp.down', shape: [8, 4] } as const;
const x = { shape: ['tokens', 4], dtype: 'float32' } as const;

describe('trace()', () => {
  test('records what build does, in order, with each weight once', () => {
    const gain = { name: 'gain', shape: [4] };
    const graph = trace('twice', { x }, ({ x }) => ({
      y: add(linear(rmsNorm(x, gain, 1e-5), down), linear(x, down)),
    }));
    expect(graph.nodes.map(({ op }) => op)).toEqual(['rmsNorm', 'linear', 'linear', 'add']);
    expect(graph.weights.map(({ name }) => name)).toEqual(['gain', 'layers.0.mlp.down']);
    expect(graph.outputs['y']?.shape).toEqual(['tokens', 8]);
  });

  test('refuses tensors of another graph', () => {
    let stray: Tensor | undefined;
    trace('vision', { x }, ({ x }) => {
      stray = x;
      return { y: x };
    });
    const build = () => trace('decoder', { x }, ({ x }) => ({ y: add(x, stray!) }));
    expect(build).toThrow('mixes tensors of "decoder" and "vision"');
  });

  test('refuses an output that another trace computed', () => {
    let stray: Tensor | undefined;
    trace('vision', { x }, ({ x }) => {
      stray = x;
      return { y: x };
    });
    expect(() => trace('decoder', { x }, () => ({ y: stray! }))).toThrow(
      'The output "y" of "decoder" was not computed inside its trace()',
    );
  });

  test('refuses a weight under two shapes', () => {
    const turned = { ...down, shape: [4, 8] };
    const build = () => trace('t', { x }, ({ x }) => ({ y: linear(linear(x, down), turned) }));
    expect(build).toThrow('uses layers.0.mlp.down as [8, 4] and as [4, 8]');
  });

  test('a weight used twice as a tensor is one node', () => {
    const bias = { name: 'bias', shape: [4] };
    const graph = trace('t', { x }, ({ x }) => ({ y: add(add(x, bias), bias) }));
    expect(graph.nodes.filter(({ op }) => op === 'parameter')).toHaveLength(1);
  });

  test('nodes know where in the model they stand', () => {
    const graph = trace('t', { x }, ({ x }) => ({
      y: inScope(x, 'layers.0', () => inScope(x, 'mlp', () => linear(x, down))),
    }));
    expect(graph.nodes[0]?.scope).toBe('layers.0/mlp');
  });
});

test('printGraph() shows one line a node', () => {
  const graph = trace('demo', { x }, ({ x }) => ({
    y: inScope(x, 'mlp', () => linear(x, down)),
  }));
  expect(printGraph(graph)).toBe(
    [
      'demo(%0 [tokens, 4] x)',
      '  %1 [tokens, 8] = linear(%0, layers.0.mlp.down [8, 4])   # mlp',
      '  return y: %1',
    ].join('\n'),
  );
});
