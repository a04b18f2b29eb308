import {
  type CompileProgress,
  type FileRange,
  readFloat32,
  type Weight,
  type WeightDescription,
  type WeightPart,
  type WeightSource,
} from '@lingbi/core';
import { WeightBytesError } from './errors.ts';
import type { Runtime } from './library.ts';
import { createFileMapper, type MappedFile } from './mapped-file.ts';
import type { ElementType } from './model-writer.ts';
import { type NativeValue, valueAt, valueOver } from './values.ts';

/** One array that a model names: a whole dense weight, or a part of a block-encoded one. */
export interface Parameter {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly value: NativeValue;
}

export interface BlockWeight {
  readonly kind: 'blocks';
  readonly bits: 4 | 8;
  readonly blockSize: number;
  readonly values: Parameter;
  readonly scales: Parameter;
  readonly zeroPoints?: Parameter;
}
export type LoadedWeight = { readonly kind: 'dense'; readonly values: Parameter } | BlockWeight;

/** The one copy of the parameters that all graphs of a program share. Loads each at most once. */
export class SharedWeights implements Disposable {
  readonly #loaded = new Map<string, LoadedWeight>();
  readonly #files = new Map<string, MappedFile>();
  readonly #mapper = createFileMapper();

  constructor(
    readonly runtime: Runtime,
    readonly source: WeightSource,
  ) {}

  get(name: string): LoadedWeight {
    return this.#loaded.get(name)!;
  }

  async load(
    weights: readonly Weight[],
    signal?: AbortSignal,
    onProgress?: (progress: CompileProgress) => void,
  ): Promise<void> {
    const missing = weights.filter(({ name }) => !this.#loaded.has(name));
    const total = new Set(missing.map(({ name }) => name)).size;
    let loaded = 0;
    for (const { name } of missing) {
      if (this.#loaded.has(name)) continue;
      signal?.throwIfAborted();
      this.#loaded.set(name, await this.#load(name, signal));
      onProgress?.({ loadedWeights: ++loaded, totalWeights: total });
    }
  }

  [Symbol.dispose](): void {
    for (const weight of this.#loaded.values()) {
      for (const { value } of parametersOf(weight)) value[Symbol.dispose]();
    }
    this.#loaded.clear();
    for (const file of this.#files.values()) file[Symbol.dispose]();
    this.#files.clear();
  }

  #load(name: string, signal: AbortSignal | undefined): Promise<LoadedWeight> {
    const description = this.source.describe(name);
    if (description.encoding.kind === 'blocks') return this.#loadBlocks(name, description, signal);
    return this.#loadDense(name, description, signal);
  }

  async #loadDense(
    name: string,
    { shape, encoding, at }: WeightDescription,
    signal: AbortSignal | undefined,
  ): Promise<LoadedWeight> {
    const type = 'float32';
    const isFloat32 = encoding.kind === 'dense' && encoding.dtype === 'float32';
    const mapped = isFloat32 && at ? this.#map(name, type, shape, at) : undefined;
    const value = mapped ?? (await this.#readDense(name, shape, signal));
    return { kind: 'dense', values: { name: nameOf(name), type, shape, value } };
  }

  async #readDense(
    name: string,
    shape: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<NativeValue> {
    const numbers = await readFloat32(this.source, name, signal);
    requireLength(name, numbers.byteLength, shape, 4);
    return valueOver(this.runtime, 'float32', shape, numbers);
  }

  /** Blocks of a row of the matrix: values [out, blocks, bytes a block], scales [out, blocks]. */
  async #loadBlocks(
    name: string,
    { shape, encoding, at }: WeightDescription,
    signal: AbortSignal | undefined,
  ): Promise<LoadedWeight> {
    if (encoding.kind !== 'blocks') throw new TypeError(`${name} is not encoded in blocks`);
    const { bits, blockSize } = encoding;
    const [out, width] = shape as readonly [number, number];
    const blocks = Math.ceil(width / blockSize);
    const valuesShape = [out, blocks, (blockSize * bits) / 8];
    const zeroPointsShape = [out, Math.ceil((blocks * bits) / 8)];
    const mapped = at && this.#map(name, 'uint8', valuesShape, at);
    const values = mapped ?? (await this.#readBytes(name, 'values', valuesShape, signal));
    const scales = await this.#readScales(name, [out, blocks], signal);
    const zeroPoints = await this.#readBytes(name, 'zeroPoints', zeroPointsShape, signal);
    return {
      kind: 'blocks',
      bits,
      blockSize,
      values: { name: nameOf(name), type: 'uint8', shape: valuesShape, value: values! },
      scales: {
        name: nameOf(name, 'scales'),
        type: 'float32',
        shape: [out, blocks],
        value: scales,
      },
      ...(zeroPoints && {
        zeroPoints: {
          name: nameOf(name, 'zeroPoints'),
          type: 'uint8',
          shape: zeroPointsShape,
          value: zeroPoints,
        },
      }),
    };
  }

  async #readScales(
    name: string,
    shape: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<NativeValue> {
    const bytes = await this.source.read(name, 'scales', signal);
    requireLength(`${name} (scales)`, bytes.byteLength, shape, 4);
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    const floats = new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
    return valueOver(this.runtime, 'float32', shape, floats);
  }

  /** A source without zero points answers with no bytes: every block is then symmetric. */
  async #readBytes(
    name: string,
    part: 'values' | 'zeroPoints',
    shape: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<NativeValue | undefined> {
    const bytes = await this.source.read(name, part, signal);
    if (part === 'zeroPoints' && bytes.byteLength === 0) return undefined;
    requireLength(`${name} (${part})`, bytes.byteLength, shape, 1);
    return valueOver(this.runtime, 'uint8', shape, bytes);
  }

  /** Binds a byte range of a file without reading it; undefined where that cannot be done. */
  #map(
    name: string,
    type: 'float32' | 'uint8',
    shape: readonly number[],
    { file, offset, length }: FileRange,
  ): NativeValue | undefined {
    const bytes = type === 'float32' ? 4 : 1;
    if (!this.#mapper || offset % bytes !== 0) return undefined;
    requireLength(name, length, shape, bytes);
    const mapped = this.#files.get(file) ?? this.#mapper.map(file);
    this.#files.set(file, mapped);
    // Touching a page beyond the end of a mapped file ends the process.
    requireInside(name, file, offset + length, mapped.length);
    return valueAt(this.runtime, type, shape, mapped.address + BigInt(offset), length);
  }
}

export function parametersOf(weight: LoadedWeight): readonly Parameter[] {
  if (weight.kind === 'dense') return [weight.values];
  const { values, scales, zeroPoints } = weight;
  return zeroPoints ? [values, scales, zeroPoints] : [values, scales];
}

/** Checkpoints choose the names of weights, so in a model they stand apart from ours. */
function nameOf(weight: string, part: WeightPart = 'values'): string {
  return `weight/${part}/${weight}`;
}

function requireLength(
  what: string,
  found: number,
  shape: readonly number[],
  bytesPerNumber: number,
): void {
  const expected = shape.reduce((all, length) => all * length, bytesPerNumber);
  if (found === expected) return;
  throw new WeightBytesError(
    what,
    `[${shape.join(', ')}] takes ${expected} bytes, but there are ${found}`,
  );
}

function requireInside(what: string, file: string, end: number, length: number): void {
  if (end <= length) return;
  throw new WeightBytesError(
    what,
    `it ends at byte ${end}, but ${file} has ${length}: the file was cut off or changed`,
  );
}
