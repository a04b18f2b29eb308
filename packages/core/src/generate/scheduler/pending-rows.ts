import type { DeviceTensor, HostTensor } from '../../backend/backend.ts';

/** Ids that become rows when their batch runs, together with those of others. */
export class PendingRows implements DeviceTensor {
  readonly dtype = 'float32';

  constructor(
    readonly ids: Int32Array,
    readonly embed: (ids: Int32Array) => Promise<DeviceTensor>,
  ) {}

  get shape(): readonly number[] {
    return [this.ids.length];
  }

  async read(): Promise<HostTensor> {
    using rows = await this.embed(this.ids);
    return await rows.read();
  }

  [Symbol.dispose](): void {}
}
