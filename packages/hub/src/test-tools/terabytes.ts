import type { CheckpointSizes } from '@lingbi/core';

/** The shape of a checkpoint of some terabytes, in weights of a gigabyte. */
export const terabytes: CheckpointSizes = {
  vocabularySize: 320,
  hiddenSize: 64,
  mlpSize: 1 << 24,
  layers: 3000,
  heads: 4,
  kvHeads: 2,
};
