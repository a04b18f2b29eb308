import { decodeWeight, type WeightBytes } from './encodings/decode.ts';
import { partsOf } from './encodings/parts.ts';
import type { WeightSource } from './weight-source.ts';

/**
 * A weight as float32, row-major, whatever its encoding.
 *
 * @throws MissingWeightError, CheckpointError
 * @throws RangeError when the source's bytes do not fit its description.
 */
export async function readFloat32(
  source: WeightSource,
  name: string,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const { shape, encoding } = source.describe(name);
  const bytes: Record<string, Uint8Array> = {};
  for (const [part, { length }] of partsOf(shape, encoding)) {
    const read = await source.read(name, part, signal);
    if (read.length !== length && encoding.kind !== 'dense') {
      throw new RangeError(
        `${name} (${part}) takes ${length} bytes, but its source gave ${read.length}`,
      );
    }
    bytes[part] = read;
  }
  return decodeWeight(shape, encoding, bytes as WeightBytes);
}
