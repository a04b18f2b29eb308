import {
  type DeviceTensor,
  type DType,
  type HostArray,
  type HostTensor,
  RunError,
} from '@lingbi/core';
import type { Runtime } from './library.ts';
import { type NativeValue, viewNumbers } from './values.ts';

export interface TensorOwner {
  /** It must not be opened any more. */
  onDispose(tensor: OnnxTensor): void;
  /** Nothing reads it any more: its memory may be written over, or given back. */
  onEnd(native: NativeValue): void;
}

/** A result in memory that ONNX Runtime allocated. */
export class OnnxTensor implements DeviceTensor {
  #disposed = false;
  #loans = 0;

  constructor(
    readonly runtime: Runtime,
    readonly dtype: DType,
    readonly native: NativeValue,
    readonly owner: TensorOwner,
  ) {}

  get shape(): readonly number[] {
    return this.native.shape;
  }

  /** The tensor for ONNX Runtime. @throws RunError when it has been disposed. */
  open(): NativeValue {
    if (!this.#disposed) return this.native;
    throw new RunError('This tensor has been disposed');
  }

  /** The tensor for a run, which reads it until the loan is disposed. */
  lend(): { readonly value: NativeValue } & Disposable {
    const value = this.open();
    this.#loans++;
    return { value, [Symbol.dispose]: () => this.#takeBack() };
  }

  async read(spare?: HostArray): Promise<HostTensor> {
    const numbers = viewNumbers(this.runtime, this.open(), this.dtype);
    return { dtype: this.dtype, shape: this.shape, data: copyOf(numbers, spare) };
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.owner.onDispose(this);
    if (this.#loans === 0) this.owner.onEnd(this.native);
  }

  #takeBack(): void {
    this.#loans--;
    if (this.#disposed && this.#loans === 0) this.owner.onEnd(this.native);
  }
}

/** Over `spare`, if it is like the numbers. */
function copyOf(numbers: HostArray, spare: HostArray | undefined): HostArray {
  if (spare?.length !== numbers.length || spare.constructor !== numbers.constructor)
    return numbers.slice();
  spare.set(numbers);
  return spare;
}
