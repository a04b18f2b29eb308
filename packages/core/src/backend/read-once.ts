import type { DeviceTensor, HostArray, HostTensor } from './backend.ts';

/** The numbers of a result that nobody needs on the device any more, maybe written over `spare`. */
export async function readOnce(tensor: DeviceTensor, spare?: HostArray): Promise<HostTensor> {
  try {
    return await tensor.read(spare);
  } finally {
    tensor[Symbol.dispose]();
  }
}
