/** Tensor names of the published checkpoints (spec MODEL §2), spelling mistakes included. */

export const names = {
  embeddings: 'model.tok_embeddings.weight',
  norm: 'model.norm.weight',
  head: 'output.weight',
  patches: 'vit.vision_tower.vision_model.embeddings.patch_embedding.weight',
  classToken: 'vit.vision_tower.vision_model.embeddings.class_embedding',
  positions: 'vit.vision_tower.vision_model.embeddings.position_embedding.weight',
  preNorm: 'vit.vision_tower.vision_model.pre_layrnorm',
  projector: ['vision_proj.0.weight', 'vision_proj.2.weight'],
  projectorBias: ['vision_proj.0.bias', 'vision_proj.2.bias'],
  rowSeparator: 'plora_sub_GN',
  viewSeparator: 'plora_glb_GN',
} as const;

/** `model.layers.0.attention.wqkv.weight`, or one of its adapter's tensors. */
export function decoderLayerName(layer: number, module: string, adapter?: string): string {
  const part = adapter === undefined ? module : `${module}.${adapter}`;
  return `model.layers.${layer}.${part}.weight`;
}

/** Only checkpoints trained with `bias: true` hold it. */
export function attentionBiasName(layer: number, module: string): string {
  return `model.layers.${layer}.${module}.bias`;
}

/** Finds the number of a decoder layer in a tensor's name. */
export const decoderLayers: RegExp = /^model\.layers\.(\d+)\./;
export const towerLayers: RegExp = /^vit\.vision_tower\.vision_model\.encoder\.layers\.(\d+)\./;

export function towerLayerName(layer: number, tensor: string): string {
  return `vit.vision_tower.vision_model.encoder.layers.${layer}.${tensor}`;
}
