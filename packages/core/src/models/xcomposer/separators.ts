import { AdapterError } from '../../adapters/adapter-error.ts';
import type { LoraAdapter } from '../../adapters/open-adapter.ts';
import type { HostTensor } from '../../backend/backend.ts';
import { readFloat32 } from '../../weights/read-float32.ts';
import { toFloat32 } from '../../weights/to-float32.ts';
import type { WeightSource } from '../../weights/weight-source.ts';
import { names } from './checkpoint-names.ts';

/** The vectors that end a line and part the views, as stored: [2, 4 · vision width]. */
export async function readSeparators(
  weights: WeightSource,
  signal?: AbortSignal,
): Promise<HostTensor> {
  const { shape } = weights.describe('separators');
  const data = await readFloat32(weights, 'separators', signal);
  return { dtype: 'float32', shape, data };
}

/**
 * The same with those that were trained with an adapter in their place.
 *
 * @throws AdapterError when they are of another width.
 */
export async function trainedSeparators(
  weights: WeightSource,
  { folder, replaced, tensors }: LoraAdapter,
  signal?: AbortSignal,
): Promise<HostTensor> {
  const separators = await readSeparators(weights, signal);
  const width = separators.shape[1]!;
  const data = separators.data.slice() as Float32Array;
  for (const [row, name] of [names.rowSeparator, names.viewSeparator].entries()) {
    const stored = replaced.get(name);
    if (stored === undefined) continue;
    const numbers = toFloat32(await tensors.read(stored, signal), tensors.describe(stored).dtype);
    if (numbers.length !== width) {
      throw new AdapterError(folder, `${stored} holds ${numbers.length} numbers, not ${width}`);
    }
    data.set(numbers, row * width);
  }
  return { ...separators, data };
}
