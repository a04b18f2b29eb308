import { type Backend, referenceBackend } from '@lingbi/core';

/** Backends by the names the command line knows them by. */
export const backendNames = ['onnx', 'tfjs', 'reference'] as const;
export type BackendName = (typeof backendNames)[number];

export const providerNames = ['cpu', 'cuda', 'webgpu'] as const;
export const engineNames = ['auto', 'tensorflow', 'wasm', 'cpu', 'webgpu'] as const;

export interface BackendChoice {
  readonly backend: BackendName;
  /** What ONNX Runtime runs on. Default: `cpu`. */
  readonly provider?: (typeof providerNames)[number];
  /** Which engine TensorFlow.js uses. Default: `auto`, the fastest there is. */
  readonly engine?: (typeof engineNames)[number];
}

/** Loads only what was chosen, so that one runtime's absence does not stop another. */
export async function chooseBackend(choice: BackendChoice): Promise<Backend> {
  const { backend, provider = 'cpu', engine = 'auto' } = choice;
  switch (backend) {
    case 'onnx':
      return (await import('@lingbi/backend-onnx')).onnx({ provider });
    case 'tfjs':
      return (await import('@lingbi/backend-tfjs')).tfjs({ engine });
    case 'reference':
      return referenceBackend;
    default:
      throw backend satisfies never;
  }
}
