import { type Backend, referenceBackend } from '@lingbi/core';

/** Backends by the names the command line knows them by. */
export const backendNames = ['onnx', 'tfjs', 'reference'] as const;
export type BackendName = (typeof backendNames)[number];

export interface BackendChoice {
  readonly backend: BackendName;
  /** What ONNX Runtime runs on: `cpu`, `cuda` or `webgpu`. */
  readonly provider?: string;
}

/** Loads only what was chosen, so that one runtime's absence does not stop another. */
export async function chooseBackend({ backend, provider }: BackendChoice): Promise<Backend> {
  switch (backend) {
    case 'onnx':
      return chooseOnnx(provider);
    case 'tfjs':
      return (await import('@lingbi/backend-tfjs')).tfjs();
    case 'reference':
      return referenceBackend;
    default:
      throw backend satisfies never;
  }
}

async function chooseOnnx(provider = 'cpu'): Promise<Backend> {
  const { onnx } = await import('@lingbi/backend-onnx');
  const known = ['cpu', 'cuda', 'webgpu'] as const;
  const chosen = known.find((name) => name === provider);
  if (!chosen)
    throw new RangeError(`There is no provider "${provider}": choose ${known.join(', ')}`);
  return onnx({ provider: chosen });
}
