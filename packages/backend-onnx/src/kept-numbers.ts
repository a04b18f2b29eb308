import type { Runtime } from './library.ts';
import type { ElementType } from './model-writer.ts';
import { countOf, type ElementArray, isSameShape, type NativeValue, valueOver } from './values.ts';

interface Kept {
  readonly value: NativeValue;
  readonly data: ElementArray;
}

/** Tensors over small arrays, by name: while a shape stays, only their numbers are written anew. */
export class KeptNumbers implements Disposable {
  readonly #kept = new Map<string, Kept>();

  constructor(readonly runtime: Runtime) {}

  /** A copy of `data`. Where that fills only the first rows of `shape`, the others hold any numbers. */
  put(name: string, type: ElementType, shape: readonly number[], data: ElementArray): NativeValue {
    const kept = this.#fitting(name, shape) ?? this.#make(name, type, shape, data);
    (kept.data as Float32Array).set(data as Float32Array);
    return kept.value;
  }

  [Symbol.dispose](): void {
    for (const { value } of this.#kept.values()) value[Symbol.dispose]();
    this.#kept.clear();
  }

  #fitting(name: string, shape: readonly number[]): Kept | undefined {
    const known = this.#kept.get(name);
    return known && isSameShape(known.value.shape, shape) ? known : undefined;
  }

  #make(name: string, type: ElementType, shape: readonly number[], like: ElementArray): Kept {
    const data = emptyLike(like, countOf(shape));
    const kept = { value: valueOver(this.runtime, type, shape, data), data };
    this.#kept.get(name)?.value[Symbol.dispose]();
    this.#kept.set(name, kept);
    return kept;
  }
}

function emptyLike(array: ElementArray, length: number): ElementArray {
  return new (array.constructor as new (length: number) => ElementArray)(length);
}
