/** LoRA adapters of users on the decoder's linears (spec FINETUNE §7.2). */
import { AdapterError } from '../../adapters/adapter-error.ts';
import type { LoraAdapter } from '../../adapters/open-adapter.ts';
import type { Graph } from '../../graph/graph.ts';
import type { WeightExpression, WeightMap } from '../../weights/weight-expression.ts';
import { checkpointWeights } from '../../weights/weight-map.ts';
import type { WeightSource } from '../../weights/weight-source.ts';
import { type DecoderWeights, decoder, decoderRows } from '../internlm2/decoder.ts';
import { decoderLayerName } from './checkpoint-names.ts';
import type { TensorShapes, XComposerConfig } from './config.ts';
import { bothKinds } from './graphs.ts';
import { decoderPlaces, type MoreLoras } from './places.ts';
import { adaptedLinears, regrouped } from './weight-map.ts';

/** Graphs of a model with a user's adapter on it, and the weights that these need besides. */
export interface AdapterGraphs {
  readonly graphs: Readonly<Record<string, Graph>>;
  /** The same with the last hidden state of every position. */
  readonly rowGraphs: Readonly<Record<string, Graph>>;
  /** Where the parameters of its decoder of text stand. */
  readonly textPlaces: DecoderWeights;
  readonly weights: WeightSource;
}

/**
 * The decoder with an adapter that acts on every token, as PEFT's does; pictures keep their partial
 * LoRA. Task adapters do not act.
 *
 * @throws AdapterError when it adapts what this model does not have.
 */
export function adapterGraphs(
  name: string,
  adapter: LoraAdapter,
  config: XComposerConfig,
  shapes: TensorShapes,
): AdapterGraphs {
  const map: Record<string, WeightExpression> = {};
  const left = new Set(adapter.pairs.keys());
  for (let layer = 0; layer < config.decoder.layers; layer++) {
    for (const [linear, module] of Object.values(adaptedLinears)) {
      const weight = decoderLayerName(layer, module);
      const pair = adapter.pairs.get(weight);
      if (!pair || !left.delete(weight)) continue;
      const root = `user.${name}.layers.${layer}.${linear}`;
      const rows = linear === 'attention.qkv' ? regrouped(config) : asStored;
      map[`${root}.down`] = { from: pair.down };
      map[`${root}.up`] = rows({ from: pair.up });
    }
  }
  requireAllUsed(adapter, left);
  const more = loraPlaces(name, adapter, map);
  const places = (isImage: boolean) =>
    decoderPlaces(config, shapes, isImage ? ['image'] : [], more);
  return {
    graphs: bothKinds(config, 'decode', name, (graph, isImage) =>
      decoder(graph, places(isImage), config.decoder),
    ),
    rowGraphs: bothKinds(config, 'rows', name, (graph, isImage) =>
      decoderRows(graph, places(isImage), config.decoder),
    ),
    textPlaces: places(false),
    weights: checkpointWeights(adapter.tensors, map),
  };
}

/** Where the matrices of each adapted linear stand. */
function loraPlaces(
  name: string,
  { config: { rank, factor } }: LoraAdapter,
  map: WeightMap,
): MoreLoras {
  return (linear, out, width) => {
    const root = `user.${name}.${linear}`;
    if (!map[`${root}.down`]) return [];
    const down = { name: `${root}.down`, shape: [rank, width] };
    return [{ down, up: { name: `${root}.up`, shape: [out, rank] }, factor }];
  };
}

function requireAllUsed({ folder }: LoraAdapter, left: ReadonlySet<string>): void {
  const [first] = left;
  if (first === undefined) return;
  const linears = Object.values(adaptedLinears).map(([, module]) => module);
  throw new AdapterError(
    folder,
    `it adapts ${first}${left.size > 1 ? ` and ${left.size - 1} more` : ''}, which this model has not, or not for adapters: they act on ${linears.join(', ')} of its layers`,
  );
}

function asStored(rows: WeightExpression): WeightExpression {
  return rows;
}
