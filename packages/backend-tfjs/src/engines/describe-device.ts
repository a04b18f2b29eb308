import type { EngineName, TensorFlow } from './engine.ts';
import { rawBinding } from './raw-binding.ts';

/** What an engine runs on, for people. */
export function describeDevice(name: EngineName, tf: TensorFlow): string {
  switch (name) {
    case 'tensorflow': {
      const binding = rawBinding(tf);
      const place = binding.isUsingGpuDevice() ? 'CUDA GPU' : 'CPU';
      return `TensorFlow.js on TensorFlow ${binding.TF_Version}, ${place}`;
    }
    case 'wasm':
      return 'TensorFlow.js on WebAssembly, 1 thread';
    case 'cpu':
      return 'TensorFlow.js on plain JavaScript, 1 thread';
    case 'webgpu':
      return 'TensorFlow.js on WebGPU (experimental)';
    default:
      throw name satisfies never;
  }
}

/** Whether its tensors are in the memory of a graphics card. */
export function isOnGpu(name: EngineName, tf: TensorFlow): boolean {
  return name === 'webgpu' || (name === 'tensorflow' && rawBinding(tf).isUsingGpuDevice());
}
