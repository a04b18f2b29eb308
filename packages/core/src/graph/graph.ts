/** The graph: what a model computes, as plain data that can be printed, checked and compiled. */

export type DType = 'float32' | 'float16' | 'int32' | 'uint8';

/** A number, or the name of a length known only when the program runs: `'tokens'`, `'patches'`. */
export type Dim = number | string;
export type Shape = readonly Dim[];

/** A symbolic tensor: it has a shape and a place in a graph, but no numbers. */
export interface Tensor {
  readonly id: number;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** A place for a parameter. How its bytes are stored is settled when weights are bound. */
export interface Weight {
  readonly name: string;
  readonly shape: readonly number[];
}

/** One decoder layer's keys and values, which the backend keeps between runs. */
export interface CacheLayer {
  readonly layer: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

export type Activation = 'gelu' | 'quickGelu' | 'silu';

/** Every operation a model may use. Adding one here asks every backend for one more kernel. */
export interface OpAttributes {
  parameter: { readonly weight: Weight };
  embed: { readonly table: Weight };
  linear: { readonly weight: Weight; readonly bias?: Weight };
  rmsNorm: { readonly weight: Weight; readonly epsilon: number };
  layerNorm: { readonly weight: Weight; readonly bias: Weight; readonly epsilon: number };
  attention: { readonly heads: number; readonly cache: CacheLayer };
  selfAttention: { readonly heads: number };
  swiglu: Record<never, never>;
  activate: { readonly activation: Activation };
  add: Record<never, never>;
  multiply: Record<never, never>;
  scale: { readonly factor: number };
  conv2d: { readonly weight: Weight; readonly bias?: Weight; readonly stride: number };
  reshape: { readonly shape: Shape };
  transpose: { readonly order: readonly number[] };
  concat: { readonly axis: number };
  slice: { readonly axis: number; readonly start: number; readonly end: number };
  takeRows: Record<never, never>;
  putRows: Record<never, never>;
  resizeGrid: { readonly height: number; readonly width: number };
  lastToken: Record<never, never>;
  topK: { readonly k: number };
}
export type OpName = keyof OpAttributes;

export type NodeOf<Op extends OpName> = {
  readonly op: Op;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: OpAttributes[Op];
  /** Where in the model it stands, `'layers.3/mlp'`: for messages and profiles. */
  readonly scope: string;
};
export type Node = { [Op in OpName]: NodeOf<Op> }[OpName];

export interface Graph {
  readonly name: string;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** In an order in which they can run. */
  readonly nodes: readonly Node[];
  /** Each weight once, in the order of first use. */
  readonly weights: readonly Weight[];
  readonly cache: readonly CacheLayer[];
}

/** Tells a weight from the other things an operation may carry. */
export function isWeight(value: unknown): value is Weight {
  return typeof value === 'object' && value !== null && 'name' in value && 'shape' in value;
}
