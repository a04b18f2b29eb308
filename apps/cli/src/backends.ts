import type { Backend } from '@lingbi/core';
import { UsageError } from './exit-codes.ts';

/** Backends by the names the command line knows them by. */
export const backendNames = ['onnx', 'tfjs', 'reference'] as const;
export type BackendName = (typeof backendNames)[number];

export const providerNames = ['cpu', 'cuda', 'webgpu'] as const;
export const largePagesNames = ['meanwhile', 'first', 'never'] as const;
export const engineNames = ['auto', 'tensorflow', 'wasm', 'cpu', 'webgpu'] as const;

export interface BackendChoice {
  readonly backend: BackendName;
  /** What ONNX Runtime runs on. Default: `cpu`. */
  readonly provider?: (typeof providerNames)[number];
  /** When ONNX Runtime's weights move into large pages. Default: `meanwhile`. */
  readonly largePages?: (typeof largePagesNames)[number];
  /** Which engine TensorFlow.js uses. Default: `auto`, the fastest there is. */
  readonly engine?: (typeof engineNames)[number];
}

/** Loads only what was chosen, so that one runtime's absence does not stop another. */
export async function chooseBackend(choice: BackendChoice): Promise<Backend> {
  const { backend, provider = 'cpu', largePages, engine = 'auto' } = choice;
  requireFor('provider', choice.provider, backend, 'onnx');
  requireFor('large-pages', largePages, backend, 'onnx');
  requireFor('engine', choice.engine, backend, 'tfjs');
  switch (backend) {
    case 'onnx':
      return (await import('@lingbi/backend-onnx')).onnx({
        provider,
        ...(largePages && { largePages }),
      });
    case 'tfjs':
      return (await import('@lingbi/backend-tfjs')).tfjs({ engine });
    case 'reference':
      return (await import('@lingbi/core')).referenceBackend;
    default:
      throw backend satisfies never;
  }
}

/** An option of another backend would be silently ignored. */
function requireFor(
  option: string,
  value: string | undefined,
  backend: BackendName,
  owner: BackendName,
): void {
  if (value === undefined || backend === owner) return;
  throw new UsageError(
    `--${option} ${value} belongs to --backend ${owner}, but the backend is ${backend}: leave one of them out`,
  );
}
