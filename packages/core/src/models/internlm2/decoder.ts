/** The InternLM2 decoder (spec MODEL §3), one graph for each kind of token and each adapter. */
import type { Graph, Tensor, Weight } from '../../graph/graph.ts';
import { inScope, trace } from '../../graph/trace.ts';
import {
  add,
  attention,
  embed,
  lastToken,
  linear,
  type Rotary,
  rmsNorm,
  swiglu,
} from '../../ops/index.ts';
import { type AdaptedLinear, adaptedLinear } from './adapted-linear.ts';

export interface DecoderConfig {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly normEpsilon: number;
}

export interface DecoderLayerWeights {
  readonly attentionNorm: Weight;
  readonly qkv: AdaptedLinear;
  readonly attentionOut: AdaptedLinear;
  readonly mlpNorm: Weight;
  readonly gate: AdaptedLinear;
  readonly up: AdaptedLinear;
  readonly down: AdaptedLinear;
}

export interface DecoderWeights {
  readonly layers: readonly DecoderLayerWeights[];
  readonly norm: Weight;
  readonly head: Weight;
}

/**
 * Embedded tokens in, what follows the last one of each sequence out.
 *
 * Inputs: `x` [tokens, hiddenSize]; `cos`, `sin` [tokens, headDim / 2] of their positions.
 * Outputs: `hidden` [sequences, hiddenSize], normed; `logits` [sequences, vocabularySize].
 */
export function decoder(name: string, weights: DecoderWeights, config: DecoderConfig): Graph {
  return traceDecoder(name, weights, config, (decoded) => {
    const hidden = rmsNorm(lastToken(decoded), weights.norm, config.normEpsilon);
    return { hidden, logits: linear(hidden, weights.head) };
  });
}

/** The same inputs; `rows` [tokens, hiddenSize], what `hidden` is for the last token for each of them. */
export function decoderRows(name: string, weights: DecoderWeights, config: DecoderConfig): Graph {
  return traceDecoder(name, weights, config, (decoded) => ({
    rows: rmsNorm(decoded, weights.norm, config.normEpsilon),
  }));
}

function traceDecoder<Key extends string>(
  name: string,
  { layers }: DecoderWeights,
  config: DecoderConfig,
  finish: (decoded: Tensor) => Readonly<Record<Key, Tensor>>,
): Graph {
  const { hiddenSize, headDim } = config;
  const angles = { shape: ['tokens', headDim / 2], dtype: 'float32' } as const;
  const inputs = {
    x: { shape: ['tokens', hiddenSize], dtype: 'float32' },
    cos: angles,
    sin: angles,
  } as const;
  return trace(name, inputs, ({ x, ...rotary }) => {
    const decoded = layers.reduce(
      (rows, layer, index) =>
        inScope(x, `layers.${index}`, () => decoderLayer(rows, layer, rotary, index, config)),
      x,
    );
    return finish(decoded);
  });
}

/** Token ids `ids` [tokens] → `rows` [tokens, hiddenSize]. */
export function tokenEmbedding(table: Weight): Graph {
  return trace('embed', { ids: { shape: ['tokens'], dtype: 'int32' } }, ({ ids }) => ({
    rows: embed(ids, table),
  }));
}

/** Attention, then a gated MLP; each reads a normed copy and adds its answer back. */
function decoderLayer(
  x: Tensor,
  w: DecoderLayerWeights,
  rotary: Rotary,
  layer: number,
  { heads, kvHeads, headDim, normEpsilon }: DecoderConfig,
): Tensor {
  const cache = { layer, kvHeads, headDim };
  const qkv = adaptedLinear(rmsNorm(x, w.attentionNorm, normEpsilon), w.qkv);
  const attended = add(x, adaptedLinear(attention(qkv, rotary, { heads, cache }), w.attentionOut));
  const normed = rmsNorm(attended, w.mlpNorm, normEpsilon);
  const mixed = swiglu(adaptedLinear(normed, w.gate), adaptedLinear(normed, w.up));
  return add(attended, adaptedLinear(mixed, w.down));
}
