import { GraphError } from '../graph/errors.ts';
import type { Activation, Tensor, Weight } from '../graph/graph.ts';
import { showShape } from '../graph/print-graph.ts';
import { record } from '../graph/trace.ts';
import { broadcastShapes } from './shapes.ts';

/** a + b; the shorter shape repeats from the end. */
export function add(a: Tensor, b: Tensor | Weight): Tensor {
  return record('add', [a, b], {}, [{ shape: broadcastShapes('add', a.shape, b.shape) }])[0]!;
}

/** a · b, number by number; the shorter shape repeats from the end. */
export function multiply(a: Tensor, b: Tensor | Weight): Tensor {
  const shape = broadcastShapes('multiply', a.shape, b.shape);
  return record('multiply', [a, b], {}, [{ shape }])[0]!;
}

/** x · factor. */
export function scale(x: Tensor, factor: number): Tensor {
  return record('scale', [x], { factor }, [{ shape: x.shape }])[0]!;
}

/**
 * `gelu` is the exact one, x · Φ(x) (Hendrycks & Gimpel 2016); `quickGelu` is CLIP's x · σ(1.702 x);
 * `silu` is x · σ(x).
 */
export function activate(x: Tensor, activation: Activation): Tensor {
  return record('activate', [x], { activation }, [{ shape: x.shape }])[0]!;
}

/** silu(gate) · up (Shazeer 2020). */
export function swiglu(gate: Tensor, up: Tensor): Tensor {
  if (gate.shape.join() !== up.shape.join()) {
    throw new GraphError(
      `swiglu: gate is ${showShape(gate.shape)}, but up is ${showShape(up.shape)}`,
    );
  }
  return record('swiglu', [gate, up], {}, [{ shape: gate.shape }])[0]!;
}
