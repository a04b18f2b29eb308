import { existsSync } from 'node:fs';
import path from 'node:path';
import koffi from 'koffi';
import type { Handle } from './api.ts';
import { MissingProviderError, OnnxRuntimeError } from './errors.ts';
import type { Runtime } from './library.ts';

export const providerNames = ['cpu', 'cuda', 'webgpu'] as const;
export type ProviderName = (typeof providerNames)[number];

/** What executes the operators of a session, and where it keeps its memory. */
export interface Provider {
  readonly name: ProviderName;
  /** For people. */
  readonly label: string;
  /** ONNX Runtime's name of its memory; none for the memory of this process. */
  readonly memoryName?: string;
  /** Puts it into the options of a session that is about to be made. */
  append(sessionOptions: Handle): void;
}

/** @throws MissingProviderError when its libraries are not installed. */
export function findProvider(name: ProviderName, runtime: Runtime): Provider {
  switch (name) {
    case 'cpu':
      return { name, label: 'CPU', append: () => {} }; // It is always there, last in line.
    case 'cuda':
      return cudaProvider(runtime);
    case 'webgpu':
      return webgpuProvider(runtime);
    default:
      return name satisfies never;
  }
}

function cudaProvider({ api, folder }: Runtime): Provider {
  requireCuda(folder);
  return {
    name: 'cuda',
    label: 'CUDA',
    memoryName: 'Cuda',
    append(sessionOptions) {
      const options = api.create('setting up CUDA', 'CreateCUDAProviderOptions');
      try {
        api.call('starting CUDA', 'AppendCudaProvider', sessionOptions, options);
      } finally {
        api.release('ReleaseCUDAProviderOptions', options);
      }
    },
  };
}

function webgpuProvider({ api }: Runtime): Provider {
  return {
    name: 'webgpu',
    label: 'WebGPU',
    memoryName: 'WebGPU_Buf',
    append(sessionOptions) {
      try {
        const doing = 'starting WebGPU';
        api.call(doing, 'AppendExecutionProvider', sessionOptions, 'WebGPU', [], [], 0);
      } catch (cause) {
        if (!(cause instanceof OnnxRuntimeError)) throw cause;
        throw new MissingProviderError(
          'webgpu',
          `no usable graphics adapter was found (${cause.said.trim()})`,
          'Install a driver of Vulkan, Direct3D 12 or Metal; without a GPU, SwiftShader works: ' +
            'set VK_ICD_FILENAMES to its vk_swiftshader_icd.json',
          { cause },
        );
      }
    },
  };
}

/** The provider's library and what it needs at run time: CUDA 12 and cuDNN 9. */
const cudaLibraries: Partial<
  Record<NodeJS.Platform, { readonly provider: string; readonly needs: readonly string[] }>
> = {
  linux: {
    provider: 'libonnxruntime_providers_cuda.so',
    needs: ['libcudart.so.12', 'libcublas.so.12', 'libcudnn.so.9'],
  },
  win32: {
    provider: 'onnxruntime_providers_cuda.dll',
    needs: ['cudart64_12.dll', 'cublas64_12.dll', 'cudnn64_9.dll'],
  },
};

/** ONNX Runtime itself would only say that something failed to load. */
function requireCuda(folder: string): void {
  const libraries = cudaLibraries[process.platform];
  if (!libraries) {
    throw new MissingProviderError(
      'cuda',
      `there is no CUDA on ${process.platform}`,
      "Use { provider: 'webgpu' } or { provider: 'cpu' }",
    );
  }
  if (!existsSync(path.join(folder, libraries.provider))) {
    throw new MissingProviderError(
      'cuda',
      `${libraries.provider} is not in ${folder}`,
      'Fetch it: ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node',
    );
  }
  for (const name of libraries.needs) requireLoadable(name);
}

function requireLoadable(name: string): void {
  try {
    koffi.load(name);
  } catch (cause) {
    throw new MissingProviderError(
      'cuda',
      `${name} does not load (${(cause as Error).message})`,
      'Install CUDA 12 and cuDNN 9, and let the system find their libraries',
      { cause },
    );
  }
}
