import {
  type BlockEncoding,
  type CompileProgress,
  type FileRange,
  type PartLayout,
  partsOf,
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
    if (description.encoding.kind !== 'blocks') return this.#loadDense(name, description, signal);
    return this.#loadBlocks(name, description, description.encoding, signal);
  }

  async #loadDense(
    name: string,
    { shape, encoding, at }: WeightDescription,
    signal: AbortSignal | undefined,
  ): Promise<LoadedWeight> {
    const type = 'float32';
    const isFloat32 = encoding.kind === 'dense' && encoding.dtype === 'float32';
    const range = isFloat32 ? at?.values : undefined;
    const mapped = range && this.#map(name, type, shape, range);
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

  /** Parts stand as MatMulNBits reads them. */
  async #loadBlocks(
    name: string,
    { shape, encoding, at }: WeightDescription,
    { bits, blockSize, zeroPoints }: BlockEncoding,
    signal: AbortSignal | undefined,
  ): Promise<BlockWeight> {
    const layouts = partsOf(shape, encoding);
    const load = (part: WeightPart) => this.#loadPart(name, part, layouts.get(part)!, at, signal);
    return {
      kind: 'blocks',
      bits,
      blockSize,
      values: await load('values'),
      scales: await load('scales'),
      ...(zeroPoints && { zeroPoints: await load('zeroPoints') }),
    };
  }

  async #loadPart(
    name: string,
    part: WeightPart,
    { dtype, shape }: PartLayout,
    at: WeightDescription['at'],
    signal: AbortSignal | undefined,
  ): Promise<Parameter> {
    const type = dtype === 'float32' ? 'float32' : 'uint8';
    const what = part === 'values' ? name : `${name} (${part})`;
    const range = at?.[part];
    const mapped = range && this.#map(what, type, shape, range);
    const value = mapped ?? (await this.#readPart(name, part, type, shape, signal));
    return { name: nameOf(name, part), type, shape, value };
  }

  async #readPart(
    name: string,
    part: WeightPart,
    type: 'float32' | 'uint8',
    shape: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<NativeValue> {
    const bytes = await this.source.read(name, part, signal);
    requireLength(`${name} (${part})`, bytes.byteLength, shape, type === 'float32' ? 4 : 1);
    if (type === 'uint8') return valueOver(this.runtime, type, shape, bytes);
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    const floats = new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
    return valueOver(this.runtime, type, shape, floats);
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
