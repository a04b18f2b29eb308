import type { DeviceTensor, HostTensor } from './backend.ts';

/** The numbers of a result that nobody needs on the device any more. */
export async function readOnce(tensor: DeviceTensor): Promise<HostTensor> {
  try {
    return await tensor.read();
  } finally {
    tensor[Symbol.dispose]();
  }
}
