import {
  BYTES_PER_NUMBER,
  type CompileProgress,
  type DenseEncoding,
  type FileRange,
  partsOf,
  readFloat32,
  toFloat32,
  type Weight,
  type WeightPart,
  type WeightSource,
} from '@lingbi/core';
import { WeightBytesError } from './errors.ts';
import { type InTurn, LargePages } from './large-pages.ts';
import type { Runtime } from './library.ts';
import { createFileMapper, type MappedFile } from './mapped-file.ts';
import type { ElementType } from './model-writer.ts';
import type { Multiplier, Settings } from './options.ts';
import { multiplierOf } from './packing.ts';
import { openSystemMemory } from './system-memory.ts';
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
  readonly multiplier: Multiplier;
  readonly values: Parameter;
  readonly scales: Parameter;
  readonly zeroPoints?: Parameter;
}

/** int8 with a scale for each output, [in, out]. */
export interface ChannelWeight {
  readonly kind: 'channels';
  readonly values: Parameter;
  readonly scales: Parameter;
}
export type EncodedWeight = BlockWeight | ChannelWeight;
export type LoadedWeight = { readonly kind: 'dense'; readonly values: Parameter } | EncodedWeight;

/** What decides how a weight is held. */
export interface WeightUsage {
  /** Names of weights that rows are looked up in, and that nothing else uses. */
  readonly tables: ReadonlySet<string>;
  readonly settings: Settings;
}

/** Who opened a model waits for its first answer, and nothing competes with that for so long, in milliseconds. */
const UNDISTURBED = 1000;

/** The one copy of the parameters that all graphs of a program share. Loads each at most once. */
export class SharedWeights implements AsyncDisposable {
  readonly #loaded = new Map<string, LoadedWeight>();
  readonly #files = new Map<string, MappedFile>();
  readonly #mapper = createFileMapper();
  readonly #pages = new LargePages(openSystemMemory());
  /** Where weights stand in mapped files of which kernels pack a copy. */
  readonly #packedRanges: FileRange[] = [];

  constructor(
    readonly runtime: Runtime,
    readonly source: WeightSource,
    readonly usage: WeightUsage,
  ) {}

  get(name: string): LoadedWeight {
    return this.#loaded.get(name)!;
  }

  async load(
    weights: readonly Weight[],
    signal?: AbortSignal,
    onProgress?: (progress: CompileProgress) => void,
  ): Promise<void> {
    this.#pages.requireWhole();
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

  /**
   * Gives back the pages of packed weights that compiling has touched: kernels keep a copy in a layout
   * of their own. Whoever looks again reads the file again.
   */
  forgetPacked(): void {
    for (const { file, offset, length } of this.#packedRanges) {
      this.#mapper!.forget(this.#files.get(file)!, offset, length);
    }
  }

  /** Gives weights back that nothing uses any more. */
  forget(names: readonly string[]): void {
    for (const name of names) {
      const weight = this.#loaded.get(name);
      for (const { value } of weight ? parametersOf(weight) : []) value[Symbol.dispose]();
      this.#loaded.delete(name);
    }
  }

  /**
   * Moves what every run reads into large pages, where it can be: at once, or a while later step by step between runs.
   * Belongs into a turn, which it never waits for others of.
   * @throws LostWeightsError for what a move before could not bring back.
   */
  async moveToLargePages(inTurn: InTurn, signal?: AbortSignal): Promise<void> {
    this.#pages.requireWhole();
    const { largePages } = this.usage.settings;
    if (largePages === 'never') return;
    if (largePages === 'first' && this.#pages.hasMore) await this.#pages.move(signal);
    signal?.throwIfAborted();
    void this.#pages.moveInTurns(inTurn, UNDISTURBED); // 'first': what had no room
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pages.stop();
    for (const weight of this.#loaded.values()) {
      for (const { value } of parametersOf(weight)) value[Symbol.dispose]();
    }
    this.#loaded.clear();
    for (const file of this.#files.values()) file[Symbol.dispose]();
    this.#files.clear();
  }

  async #load(name: string, signal: AbortSignal | undefined): Promise<LoadedWeight> {
    const { encoding, shape } = this.source.describe(name);
    const loadPart = (part: WeightPart) => this.#loadPart(name, part, signal);
    switch (encoding.kind) {
      case 'dense':
        return { kind: 'dense', values: await this.#loadDense(name, encoding, signal) };
      case 'blocks':
        return {
          ...{ kind: 'blocks', bits: encoding.bits, blockSize: encoding.blockSize },
          multiplier: multiplierOf(shape, encoding, this.usage.settings)!,
          values: await loadPart('values'),
          scales: await this.#loadScales(name, signal),
          ...(encoding.zeroPoints && { zeroPoints: await loadPart('zeroPoints') }),
        };
      case 'channels':
        if (!multiplierOf(shape, encoding, this.usage.settings))
          return { kind: 'dense', values: await this.#widen(name, signal) };
        return {
          kind: 'channels',
          values: await loadPart('values'),
          scales: await loadPart('scales'),
        };
      default:
        throw encoding satisfies never;
    }
  }

  /** Those of ONNX Runtime's kernels are float32; ours take them as they are stored. */
  async #loadScales(name: string, signal: AbortSignal | undefined): Promise<Parameter> {
    const { shape: whole, encoding } = this.source.describe(name);
    const multiplier = multiplierOf(whole, encoding, this.usage.settings);
    const { dtype, shape } = partsOf(whole, encoding).get('scales')!;
    if (multiplier === 'lingbi' || dtype === 'float32')
      return this.#loadPart(name, 'scales', signal);
    const bytes = await this.source.read(name, 'scales', signal);
    requireLength(`${name} (scales)`, bytes.byteLength, shape, BYTES_PER_NUMBER[dtype]);
    const value = valueOver(this.runtime, 'float32', shape, toFloat32(bytes, dtype));
    return { name: nameOf(name, 'scales'), type: 'float32', shape, value };
  }

  /** Float32, but the tables that rows are looked up in stay as they are stored. */
  #loadDense(
    name: string,
    { dtype }: DenseEncoding,
    signal: AbortSignal | undefined,
  ): Promise<Parameter> {
    const isTable = this.usage.tables.has(name) && (dtype === 'float16' || dtype === 'bfloat16');
    return dtype === 'float32' || isTable
      ? this.#loadPart(name, 'values', signal)
      : this.#widen(name, signal);
  }

  async #widen(name: string, signal: AbortSignal | undefined): Promise<Parameter> {
    const { shape } = this.source.describe(name);
    const numbers = await readFloat32(this.source, name, signal);
    requireLength(name, numbers.byteLength, shape, 4);
    const value = valueOver(this.runtime, 'float32', shape, numbers);
    return { name: nameOf(name), type: 'float32', shape, value };
  }

  /** Parts stand in files as ONNX Runtime reads them. */
  async #loadPart(
    name: string,
    part: WeightPart,
    signal: AbortSignal | undefined,
  ): Promise<Parameter> {
    const { shape: whole, encoding, at } = this.source.describe(name);
    const { dtype, shape } = partsOf(whole, encoding).get(part)!;
    const type = dtype as ElementType;
    const what = part === 'values' ? name : `${name} (${part})`;
    const range = at?.[part];
    const multiplier = multiplierOf(whole, encoding, this.usage.settings);
    const mapped = range && this.#map(what, type, shape, range);
    if (mapped && multiplier === 'onnxruntime') this.#packedRanges.push(range);
    if (mapped && multiplier === 'lingbi')
      this.#pages.add(this.#files.get(range.file)!, range.offset, range.length);
    const value = mapped ?? (await this.#readPart({ name, part, what, type, shape }, signal));
    return { name: nameOf(name, part), type, shape, value };
  }

  async #readPart(
    { name, part, what, type, shape }: PartToRead,
    signal: AbortSignal | undefined,
  ): Promise<NativeValue> {
    const bytes = await this.source.read(name, part, signal);
    requireLength(what, bytes.byteLength, shape, BYTES_PER_NUMBER[type]);
    const isAligned = bytes.byteOffset % BYTES_PER_NUMBER[type] === 0;
    return valueOver(this.runtime, type, shape, isAligned ? bytes : bytes.slice());
  }

  /** Binds a byte range of a file without reading it; undefined where that cannot be done. */
  #map(
    name: string,
    type: ElementType,
    shape: readonly number[],
    { file, offset, length }: FileRange,
  ): NativeValue | undefined {
    const bytes = BYTES_PER_NUMBER[type];
    if (!this.#mapper || offset % bytes !== 0) return undefined;
    requireLength(name, length, shape, bytes);
    const mapped = this.#files.get(file) ?? this.#mapper.map(file);
    this.#files.set(file, mapped);
    // Touching a page beyond the end of a mapped file ends the process.
    requireInside(name, file, offset + length, mapped.length);
    return valueAt(this.runtime, type, shape, mapped.address + BigInt(offset), length);
  }
}

interface PartToRead {
  readonly name: string;
  readonly part: WeightPart;
  /** For messages. */
  readonly what: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
}

export function parametersOf(weight: LoadedWeight): readonly Parameter[] {
  if (weight.kind === 'dense') return [weight.values];
  const zeroPoints = weight.kind === 'blocks' ? weight.zeroPoints : undefined;
  return [weight.values, weight.scales, ...(zeroPoints ? [zeroPoints] : [])];
}

/** Whether kernels pack a copy of it. */
export function isPacked(weight: LoadedWeight): boolean {
  if (weight.kind === 'blocks') return weight.multiplier === 'onnxruntime';
  return weight.kind === 'channels';
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
