/** Our parameter names, and how to make each from the checkpoint's tensors. */
import type { WeightExpression, WeightMap } from '../../weights/weight-expression.ts';
import type { TowerConfig } from '../clip/tower.ts';
import { attentionBiasName, decoderLayerName, names, towerLayerName } from './checkpoint-names.ts';
import type { TensorShapes, VisionConfig, XComposerConfig } from './config.ts';

/** The five linears of a decoder layer that carry adapters: our name and the checkpoint's. */
export const adaptedLinears = {
  qkv: ['attention.qkv', 'attention.wqkv'],
  attentionOut: ['attention.out', 'attention.wo'],
  gate: ['mlp.gate', 'feed_forward.w1'],
  up: ['mlp.up', 'feed_forward.w3'],
  down: ['mlp.down', 'feed_forward.w2'],
} as const;

/** Low-rank additions a checkpoint may hold for each of them: our name and the checkpoint's. */
export const loras = {
  image: 'Plora',
  web: 'lora_web',
  sft: 'lora_sft',
  dpo: 'lora_dpo',
} as const;
export type LoraName = keyof typeof loras;

/** Whether a checkpoint holds any tensor of a low-rank addition: then it should hold all of them. */
export function holdsLora(
  lora: LoraName,
  layers: number,
  tensors: Pick<TensorShapes, 'has'>,
): boolean {
  const modules = Object.values(adaptedLinears).flatMap(([, module]) =>
    Array.from({ length: layers }, (_, layer) => [layer, module] as const),
  );
  return modules.some(([layer, module]) =>
    ['A', 'B'].some((part) =>
      tensors.has(decoderLayerName(layer, module, `${loras[lora]}_${part}`)),
    ),
  );
}

const towerLinears = {
  query: 'self_attn.q_proj',
  key: 'self_attn.k_proj',
  value: 'self_attn.v_proj',
  attentionOut: 'self_attn.out_proj',
  up: 'mlp.fc1',
  down: 'mlp.fc2',
  attentionNorm: 'layer_norm1',
  mlpNorm: 'layer_norm2',
} as const;

export function weightMap(config: XComposerConfig, tensors: TensorShapes): WeightMap {
  return {
    embed: { from: names.embeddings },
    norm: { from: names.norm },
    head: { from: names.head },
    ...decoderLayers(config, tensors),
    ...(config.vision && visionMap(config.vision)),
  };
}

function visionMap({ tower }: VisionConfig): WeightMap {
  const { hiddenSize } = tower;
  return {
    'tower.patches': { from: names.patches },
    'tower.classToken': { reshape: { from: names.classToken }, shape: [1, hiddenSize] },
    'tower.positions': { from: names.positions },
    ...affine('tower.preNorm', names.preNorm),
    ...towerLayers(tower),
    'projector.0': { from: names.projector[0] },
    'projector.0.bias': { from: names.projectorBias[0] },
    'projector.1': { from: names.projector[1] },
    'projector.1.bias': { from: names.projectorBias[1] },
    separators: { stackRows: [separator(names.rowSeparator), separator(names.viewSeparator)] },
  };

  function separator(name: string): WeightExpression {
    return { reshape: { from: name }, shape: [1, 4 * hiddenSize] };
  }
}

function decoderLayers(config: XComposerConfig, tensors: TensorShapes): WeightMap {
  const map: Record<string, WeightExpression> = {};
  const { layers } = config.decoder;
  const held = Object.entries(loras).filter(([lora]) => {
    return holdsLora(lora as LoraName, layers, tensors);
  });
  for (let layer = 0; layer < layers; layer++) {
    const ours = `layers.${layer}`;
    map[`${ours}.attention.norm`] = { from: decoderLayerName(layer, 'attention_norm') };
    map[`${ours}.mlp.norm`] = { from: decoderLayerName(layer, 'ffn_norm') };
    for (const [name, module] of Object.values(adaptedLinears)) {
      const rows = name === 'attention.qkv' ? regrouped(config) : asStored;
      map[`${ours}.${name}`] = rows({ from: decoderLayerName(layer, module) });
      if (config.attentionBias && name.startsWith('attention.')) {
        map[`${ours}.${name}.bias`] = rows({ from: attentionBiasName(layer, module) });
      }
      for (const [lora, theirs] of held) {
        const [down, up] = ['A', 'B'].map((part) =>
          decoderLayerName(layer, module, `${theirs}_${part}`),
        ) as [string, string];
        map[`${ours}.${name}.${lora}.down`] = { from: down };
        map[`${ours}.${name}.${lora}.up`] = rows({ from: up });
      }
    }
  }
  return map;
}

function towerLayers(tower: TowerConfig): WeightMap {
  const map: Record<string, WeightExpression> = {};
  for (let layer = 0; layer < tower.layers; layer++) {
    for (const [ours, theirs] of Object.entries(towerLinears)) {
      Object.assign(map, affine(`tower.${layer}.${ours}`, towerLayerName(layer, theirs)));
    }
  }
  return map;
}

function affine(ours: string, theirs: string): WeightMap {
  return { [ours]: { from: `${theirs}.weight` }, [`${ours}.bias`]: { from: `${theirs}.bias` } };
}

const asStored = (expression: WeightExpression): WeightExpression => expression;

/** Key heads are stored between the query heads that share them; regroup once here, not on every token. */
export function regrouped({
  decoder,
}: XComposerConfig): (rows: WeightExpression) => WeightExpression {
  const { heads, kvHeads, headDim } = decoder;
  return (rows) => ({ regroupHeads: rows, kvHeads, queriesPerGroup: heads / kvHeads, headDim });
}
