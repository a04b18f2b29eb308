/** Tensor names of the published checkpoints (spec MODEL §2), spelling mistakes included. */

const decoderRoot = 'model';
const towerRoot = 'vit.vision_tower.vision_model';

export const names = {
  embeddings: `${decoderRoot}.tok_embeddings.weight`,
  norm: `${decoderRoot}.norm.weight`,
  head: 'output.weight',
  patches: `${towerRoot}.embeddings.patch_embedding.weight`,
  classToken: `${towerRoot}.embeddings.class_embedding`,
  positions: `${towerRoot}.embeddings.position_embedding.weight`,
  preNorm: `${towerRoot}.pre_layrnorm`,
  projector: ['vision_proj.0.weight', 'vision_proj.2.weight'],
  projectorBias: ['vision_proj.0.bias', 'vision_proj.2.bias'],
  rowSeparator: 'plora_sub_GN',
  viewSeparator: 'plora_glb_GN',
} as const;

/** `model.layers.0.attention.wqkv.weight`, or one of its adapter's tensors. */
export function decoderLayerName(layer: number, module: string, adapter?: string): string {
  const part = adapter === undefined ? module : `${module}.${adapter}`;
  return `${decoderRoot}.layers.${layer}.${part}.weight`;
}

export function towerLayerName(layer: number, tensor: string): string {
  return `${towerRoot}.encoder.layers.${layer}.${tensor}`;
}
