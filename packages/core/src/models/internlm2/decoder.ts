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
import { type Acting, type AdaptedLinear, adaptedLinear } from './adapted-linear.ts';

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
  /** The table of tokens. Without one a graph takes rows, as those of pictures are. */
  readonly embeddings?: Weight;
  readonly layers: readonly DecoderLayerWeights[];
  /** Adapters that act on tokens of their own alone. Default: whatever acts, acts on every token. */
  readonly adapters?: readonly string[];
  readonly norm: Weight;
  readonly head: Weight;
}

/**
 * Tokens in, what follows the last one of each sequence out.
 *
 * Inputs: `ids` [tokens], or `rows` [tokens, hiddenSize] where there are no embeddings; `cos`, `sin`
 * [tokens, headDim / 2] of their positions; `acts.NAME` [tokens, 1] for each of `adapters`, 1 for its own
 * tokens, else 0.
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
  { embeddings, layers, adapters = [] }: DecoderWeights,
  config: DecoderConfig,
  finish: (decoded: Tensor) => Readonly<Record<Key, Tensor>>,
): Graph {
  const { hiddenSize, headDim } = config;
  const perToken = (width: number) => ({ shape: ['tokens', width], dtype: 'float32' }) as const;
  const ids = { shape: ['tokens'], dtype: 'int32' } as const;
  const inputs = {
    ...(embeddings ? { ids } : { rows: perToken(hiddenSize) }),
    cos: perToken(headDim / 2),
    sin: perToken(headDim / 2),
    ...Object.fromEntries(adapters.map((adapter) => [actingInput(adapter), perToken(1)])),
  };
  return trace(name, inputs, ({ cos, sin, ...rest }) => {
    const given: Record<string, Tensor> = rest;
    const acting = Object.fromEntries(adapters.map((each) => [each, given[actingInput(each)]!]));
    const start = embeddings ? embed(given.ids!, embeddings) : given.rows!;
    const decoded = layers.reduce(
      (x, layer, index) =>
        inScope(x, `layers.${index}`, () =>
          decoderLayer(x, layer, { cos, sin, acting, index }, config),
        ),
      start,
    );
    return finish(decoded);
  });
}

/** The input that says which tokens an adapter acts on. */
export function actingInput(adapter: string): string {
  return `acts.${adapter}`;
}

/** What differs from run to run, and from layer to layer. */
interface LayerInputs extends Rotary {
  readonly acting: Acting;
  readonly index: number;
}

/** Attention, then a gated MLP; each reads a normed copy and adds its answer back. */
function decoderLayer(
  x: Tensor,
  w: DecoderLayerWeights,
  { acting, index, ...rotary }: LayerInputs,
  { heads, kvHeads, headDim, normEpsilon }: DecoderConfig,
): Tensor {
  const cache = { layer: index, kvHeads, headDim };
  const project = (rows: Tensor, linear: AdaptedLinear) => adaptedLinear(rows, linear, acting);
  const qkv = project(rmsNorm(x, w.attentionNorm, normEpsilon), w.qkv);
  const attended = add(x, project(attention(qkv, rotary, { heads, cache }), w.attentionOut));
  const normed = rmsNorm(attended, w.mlpNorm, normEpsilon);
  const mixed = swiglu(project(normed, w.gate), project(normed, w.up));
  return add(attended, project(mixed, w.down));
}
