import { type DeviceTensor, type DType, type HostTensor, RunError } from '@lingbi/core';
import type { Runtime } from './library.ts';
import { type NativeValue, viewNumbers } from './values.ts';

/** A result in memory that ONNX Runtime allocated. */
export class OnnxTensor implements DeviceTensor {
  #disposed = false;

  constructor(
    readonly runtime: Runtime,
    readonly dtype: DType,
    readonly native: NativeValue,
    readonly onDispose: (tensor: OnnxTensor) => void,
  ) {}

  get shape(): readonly number[] {
    return this.native.shape;
  }

  /** The tensor for ONNX Runtime. @throws RunError when it has been disposed. */
  open(): NativeValue {
    if (!this.#disposed) return this.native;
    throw new RunError('This tensor has been disposed');
  }

  async read(): Promise<HostTensor> {
    const data = viewNumbers(this.runtime, this.open(), this.dtype).slice();
    return { dtype: this.dtype, shape: this.shape, data };
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.onDispose(this);
    this.native[Symbol.dispose]();
  }
}
