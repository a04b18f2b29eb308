import { toFloat32 } from './to-float32.ts';
import type { WeightSource } from './weight-source.ts';

/**
 * A weight as float32, row-major.
 *
 * @throws MissingWeightError, CheckpointError
 * @throws TypeError when the weight is encoded in blocks, which are not plain numbers.
 */
export async function readFloat32(
  source: WeightSource,
  name: string,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const { encoding } = source.describe(name);
  if (encoding.kind !== 'dense') {
    throw new TypeError(
      `readFloat32: ${name} is encoded in blocks of ${encoding.bits} bits, not dense`,
    );
  }
  return toFloat32(await source.read(name, 'values', signal), encoding.dtype);
}
