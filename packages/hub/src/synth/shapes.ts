import type { CheckpointSizes, VisionSizes } from '@lingbi/core';

/** The published sizes of InternLM2 (spec ZOO §2). */
export const synthShapes: Readonly<Record<SynthShape, CheckpointSizes>> = {
  'internlm2-1.8b': {
    vocabularySize: 92544,
    hiddenSize: 2048,
    mlpSize: 8192,
    layers: 24,
    heads: 16,
    kvHeads: 8,
  },
  '7b': {
    vocabularySize: 92544,
    hiddenSize: 4096,
    mlpSize: 14336,
    layers: 32,
    heads: 32,
    kvHeads: 8,
  },
};
export type SynthShape = 'internlm2-1.8b' | '7b';

/** CLIP ViT-L/14 with tiles of 560 pixels (spec MODEL §1.2). */
export const clipLarge: VisionSizes = {
  hiddenSize: 1024,
  mlpSize: 4096,
  layers: 24,
  heads: 16,
  tileSize: 560,
  patchSize: 14,
};
