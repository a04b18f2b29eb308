/** Small graphs, at least one for each operation, with inputs to run them on. */
import type { HostTensor } from '../backend/backend.ts';
import type { Graph, OpName, Shape, Tensor, Weight } from '../graph/graph.ts';
import { trace } from '../graph/trace.ts';
import * as ops from '../ops/index.ts';
import { int32, randomFloats } from './noise.ts';

export interface OperationCase {
  /** The operation whose tolerance applies. */
  readonly op: OpName;
  readonly name: string;
  readonly graph: Graph;
  readonly inputs: Readonly<Record<string, HostTensor>>;
}

const weight = (name: string, ...shape: number[]): Weight => ({ name, shape });

/** A graph of float inputs; a named first axis gets 5 rows. */
function floatCase(
  op: OpName,
  name: string,
  shapes: Readonly<Record<string, Shape>>,
  build: (inputs: Readonly<Record<string, Tensor>>) => Tensor,
): OperationCase {
  const specs = Object.fromEntries(
    Object.entries(shapes).map(([key, shape]) => [key, { shape, dtype: 'float32' as const }]),
  );
  const settled = (shape: Shape) => shape.map((dim) => (typeof dim === 'number' ? dim : 5));
  return {
    op,
    name,
    graph: trace(name, specs, (inputs) => ({ y: build(inputs) })),
    inputs: Object.fromEntries(
      Object.entries(shapes).map(([key, shape]) => [key, randomFloats(name + key, settled(shape))]),
    ),
  };
}

/** A graph of float inputs and row numbers. */
function rowsCase(
  op: OpName,
  name: string,
  inputs: Readonly<Record<string, HostTensor>>,
  shapes: Readonly<Record<string, Shape>>,
  build: (inputs: Readonly<Record<string, Tensor>>) => Record<string, Tensor>,
): OperationCase {
  const specs = Object.fromEntries(
    Object.entries(shapes).map(([key, shape]) => [key, { shape, dtype: inputs[key]!.dtype }]),
  );
  return { op, name, graph: trace(name, specs, build), inputs };
}

export function operationCases(): readonly OperationCase[] {
  return [
    ...linearCases(),
    ...elementwiseCases(),
    ...layoutCases(),
    ...rowCases(),
    ...imageCases(),
  ];
}

function linearCases(): OperationCase[] {
  const x = { x: ['tokens', 24] };
  return [
    floatCase('linear', 'linear maps the last axis', x, ({ x }) =>
      ops.linear(x!, weight('square', 40, 24)),
    ),
    floatCase('linear', 'linear adds its bias', x, ({ x }) =>
      ops.linear(x!, weight('wide', 8, 24), weight('wide.bias', 8)),
    ),
    floatCase('linear', 'linear keeps leading axes', { x: [2, 3, 24] }, ({ x }) =>
      ops.linear(x!, weight('deep', 7, 24), weight('deep.bias', 7)),
    ),
    floatCase('rmsNorm', 'rmsNorm scales rows to their gain', x, ({ x }) =>
      ops.rmsNorm(x!, weight('gain', 24), 1e-5),
    ),
    floatCase('rmsNorm', 'rmsNorm of a sum', { x: ['tokens', 24], y: ['tokens', 24] }, (i) =>
      ops.rmsNorm(ops.add(i['x']!, i['y']!), weight('gain', 24), 1e-5),
    ),
    floatCase('layerNorm', 'layerNorm centres rows', x, ({ x }) =>
      ops.layerNorm(x!, weight('gain', 24), weight('shift', 24), 1e-5),
    ),
    floatCase('selfAttention', 'selfAttention mixes all rows', qkvShapes(64), ({ q, k, v }) =>
      ops.selfAttention(q!, k!, v!, 4),
    ),
    floatCase('selfAttention', 'selfAttention with one head', qkvShapes(16), ({ q, k, v }) =>
      ops.selfAttention(q!, k!, v!, 1),
    ),
  ];
}

function qkvShapes(width: number): Record<string, Shape> {
  return { q: ['patches', width], k: ['patches', width], v: ['patches', width] };
}

function elementwiseCases(): OperationCase[] {
  const pair = { a: ['tokens', 12], b: ['tokens', 12] };
  const activations = (['gelu', 'quickGelu', 'silu'] as const).map((activation) =>
    floatCase('activate', `activate: ${activation}`, { x: ['tokens', 12] }, ({ x }) =>
      ops.activate(ops.scale(x!, 4), activation),
    ),
  );
  return [
    ...activations,
    floatCase('add', 'add', pair, ({ a, b }) => ops.add(a!, b!)),
    floatCase('add', 'add repeats a row', { a: ['tokens', 12], b: [12] }, ({ a, b }) =>
      ops.add(a!, b!),
    ),
    floatCase('add', 'add repeats a single length', { a: [4, 3, 6], b: [4, 1, 6] }, ({ a, b }) =>
      ops.add(a!, b!),
    ),
    floatCase('add', 'add takes a weight', { a: [5, 12] }, ({ a }) =>
      ops.add(a!, weight('table', 5, 12)),
    ),
    floatCase('multiply', 'multiply', pair, ({ a, b }) => ops.multiply(a!, b!)),
    floatCase('scale', 'scale', { x: ['tokens', 12] }, ({ x }) => ops.scale(x!, -2.5)),
    floatCase('swiglu', 'swiglu', pair, ({ a, b }) => ops.swiglu(a!, b!)),
  ];
}

function layoutCases(): OperationCase[] {
  return [
    floatCase('reshape', 'reshape with known lengths', { x: [4, 6] }, ({ x }) =>
      ops.reshape(x!, [2, 12]),
    ),
    floatCase('reshape', 'reshape infers the named length', { x: ['tokens', 12] }, ({ x }) =>
      ops.reshape(x!, ['tokens', 3, 4]),
    ),
    floatCase('transpose', 'transpose', { x: [2, 3, 4] }, ({ x }) => ops.transpose(x!, [2, 0, 1])),
    floatCase('concat', 'concat of columns', { a: ['tokens', 3], b: ['tokens', 4] }, (i) =>
      ops.concat([i['a']!, i['b']!], 1),
    ),
    floatCase('concat', 'concat puts a weight first', { a: ['tokens', 8] }, ({ a }) =>
      ops.concat([weight('first', 1, 8), a!], 0),
    ),
    floatCase('slice', 'slice of rows', { x: [6, 4] }, ({ x }) => ops.slice(x!, 0, 1, 5)),
    floatCase('slice', 'slice of columns', { x: ['tokens', 9] }, ({ x }) => ops.slice(x!, 1, 2, 7)),
  ];
}

function rowCases(): OperationCase[] {
  const x = randomFloats('rows', [6, 8]);
  const ids = int32([4], 3, 0, 5, 3);
  return [
    rowsCase('embed', 'embed looks rows up', { ids }, { ids: ['tokens'] }, ({ ids }) => ({
      y: ops.embed(ids!, weight('table', 6, 8)),
    })),
    rowsCase('takeRows', 'takeRows', { x, ids }, { x: ['rows', 8], ids: ['picks'] }, (i) => ({
      y: ops.takeRows(i['x']!, i['ids']!),
    })),
    rowsCase(
      'putRows',
      'putRows replaces rows',
      { x, ids: int32([2], 4, 1), values: randomFloats('values', [2, 8]) },
      { x: ['rows', 8], ids: ['picks'], values: ['picks', 8] },
      ({ x, ids, values }) => ({ y: ops.putRows(x!, ids!, values!) }),
    ),
    rowsCase('topK', 'topK', { x }, { x: ['rows', 8] }, ({ x }) => {
      const { values, indices } = ops.topK(x!, 3);
      return { values, indices };
    }),
  ];
}

function imageCases(): OperationCase[] {
  return [
    floatCase('conv2d', 'conv2d without overlap', { x: [3, 12, 8] }, ({ x }) =>
      ops.conv2d(x!, weight('patches', 10, 3, 4, 4), 4),
    ),
    floatCase('conv2d', 'conv2d with overlap and bias', { x: [2, 9, 7] }, ({ x }) =>
      ops.conv2d(x!, weight('taps', 5, 2, 3, 3), 2, weight('taps.bias', 5)),
    ),
    floatCase('resizeGrid', 'resizeGrid up', { x: [3, 4, 5] }, ({ x }) => ops.resizeGrid(x!, 9, 8)),
    floatCase('resizeGrid', 'resizeGrid down', { x: [2, 9, 12] }, ({ x }) =>
      ops.resizeGrid(x!, 4, 5),
    ),
  ];
}
