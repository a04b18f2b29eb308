import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { BYTES_PER_NUMBER, countBytes } from '../stored-dtype.ts';
import type { StoredDType } from '../weight-source.ts';
import { safetensorsName } from './dtypes.ts';

export interface TensorToWrite {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** Called once, when its turn comes; the bytes are little-endian and row-major. */
  bytes(): Uint8Array | Promise<Uint8Array>;
}

export interface WriteSafetensorsOptions {
  /** Texts kept in the header beside the tensors. Default: `{ format: 'pt' }`, which Python tools expect. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * Writes tensors to a safetensors file, one at a time, so that only one is in memory. The file
 * appears under its name when it is whole; after an error or an abort there is none.
 *
 * @throws RangeError when a name comes twice or a tensor's bytes do not fit its shape.
 */
export async function writeSafetensors(
  file: string,
  tensors: readonly TensorToWrite[],
  options: WriteSafetensorsOptions = {},
): Promise<void> {
  const ordered = alignedOrder(tensors);
  const header = encodeHeader(ordered, options.metadata ?? { format: 'pt' });
  const partial = `${file}.${randomUUID()}.partial`;
  try {
    await writeWhole(partial, header, ordered, options.signal);
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Wide numbers first, so that every tensor starts at a multiple of the width of its numbers. */
function alignedOrder(tensors: readonly TensorToWrite[]): TensorToWrite[] {
  return tensors.toSorted((a, b) => BYTES_PER_NUMBER[b.dtype] - BYTES_PER_NUMBER[a.dtype]);
}

function encodeHeader(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const entries = new Map<string, unknown>([['__metadata__', metadata]]);
  let end = 0;
  for (const { name, dtype, shape } of tensors) {
    if (entries.has(name)) throw new RangeError(`writeSafetensors: "${name}" is given twice`);
    const start = end;
    end += countBytes(dtype, shape);
    entries.set(name, { dtype: safetensorsName(dtype), shape, data_offsets: [start, end] });
  }
  return withLength(jsonObject(entries));
}

// Not JSON.stringify(Object.fromEntries(…)): that would move names made of digits to the front.
function jsonObject(entries: ReadonlyMap<string, unknown>): string {
  return `{${[...entries].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)}}`;
}

/** The length in 8 bytes, then the text, padded with spaces so that the data starts aligned. */
function withLength(json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  const length = Math.ceil(text.length / 8) * 8;
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(text, 8);
  return header;
}

async function writeWhole(
  file: string,
  header: Uint8Array,
  tensors: readonly TensorToWrite[],
  signal?: AbortSignal,
): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(header);
    for (const tensor of tensors) await writeTensor(handle, tensor, signal);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeTensor(
  handle: FileHandle,
  tensor: TensorToWrite,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  const bytes = await tensor.bytes();
  const needed = countBytes(tensor.dtype, tensor.shape);
  if (bytes.length !== needed) {
    throw new RangeError(
      `writeSafetensors: "${tensor.name}" is ${tensor.dtype} of shape [${tensor.shape}], ` +
        `${needed} bytes, but was given ${bytes.length}`,
    );
  }
  await handle.writeFile(bytes, { signal });
}
