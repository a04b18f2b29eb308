import { countOf, isSameShape, type NativeValue } from './values.ts';

/** A result, where there is one, for each output. */
export type Results<Value = NativeValue> = readonly (Value | undefined)[];

/** 4 MiB in float32: the logits of eleven sequences. More is rare, and not worth holding on to. */
const MOST_NUMBERS = 2 ** 20;

/**
 * Results that nobody looks at any more, one for each output: as memory for those to come, which need
 * not be asked for, taken out of a binding or given back then.
 */
export class SpareResults implements Disposable {
  readonly #spare: (NativeValue | undefined)[] = [];

  /** Takes those out that have these shapes. */
  take(shapes: Results<readonly number[]>): Results {
    return shapes.map((shape, output) => {
      const value = this.#spare[output];
      if (!value || !shape || !isSameShape(value.shape, shape)) return undefined;
      this.#spare[output] = undefined;
      return value;
    });
  }

  /** Only the last one stays. */
  put(output: number, value: NativeValue): void {
    const isSmall = countOf(value.shape) <= MOST_NUMBERS;
    const unused = isSmall ? this.#spare[output] : value;
    if (isSmall) this.#spare[output] = value;
    unused?.[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    for (const value of this.#spare) value?.[Symbol.dispose]();
    this.#spare.length = 0;
  }
}
