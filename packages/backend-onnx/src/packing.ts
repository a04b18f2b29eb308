import type { Encoding } from '@lingbi/core';
import { canMultiplyBlocks } from './kernels.ts';
import { type Multiplier, roundsActivations, type Settings } from './options.ts';

/** What a weight of [out, in] is to its kernels; undefined where it becomes float32. */
export function multiplierOf(
  [, inWidth]: readonly number[],
  encoding: Encoding,
  settings: Settings,
): Multiplier | undefined {
  switch (encoding.kind) {
    case 'dense':
      return undefined;
    case 'blocks': {
      const isOurs = settings.ownKernels && canMultiplyBlocks(inWidth!, encoding.blockSize);
      return isOurs ? 'lingbi' : 'onnxruntime';
    }
    case 'channels':
      return roundsActivations(settings) ? 'onnxruntime' : undefined;
    default:
      throw encoding satisfies never;
  }
}
