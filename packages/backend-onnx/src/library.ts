import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import koffi from 'koffi';
import { type Handle, OnnxApi } from './api.ts';
import { enlargeCallStacks } from './call-stacks.ts';
import { createDiscard, type DiscardMemory } from './discard-memory.ts';
import { IncompatibleLibraryError, MissingLibraryError } from './errors.ts';
import { createKernels, type Kernels } from './kernels.ts';
import { setEnvironment } from './native-environment.ts';

/** A loaded library and the few objects of which a process needs one. */
export interface Runtime {
  readonly api: OnnxApi;
  /** The folder of the library: its providers stand beside it. */
  readonly folder: string;
  readonly environment: Handle;
  /** "Memory of this process", as ONNX Runtime says it. */
  readonly cpuMemory: Handle;
  /** Gives back the lists that ONNX Runtime hands out. Not ours to release. */
  readonly allocator: Handle;
  /** None where the system offers nothing for it. */
  readonly discard: DiscardMemory | undefined;
  /** Operators of ours, loaded when they are first asked for. */
  kernels(): Kernels;
}

/** OrtLoggingLevel: only what is fatal goes to stderr; failures come as statuses, and we throw them. */
const LOG_FATAL = 4;
/** OrtAllocatorType and OrtMemType. */
const ARENA_ALLOCATOR = 1;
const MEMORY_DEFAULT = 0;

/**
 * What is loaded stays loaded, for the life of the process. A library is process-wide whatever we
 * do, and unloading one whose threads still run, as garbage collection of its handle would, crashes.
 */
const loaded = new Map<string, Runtime>();

/**
 * Finds and loads ONNX Runtime once; its JavaScript is never touched.
 *
 * @throws MissingLibraryError, IncompatibleLibraryError
 */
export function loadRuntime(file: string = findLibrary()): Runtime {
  const known = loaded.get(file);
  if (known) return known;
  enlargeCallStacks();
  // The Linux library contains a telemetry uploader; it reads this while it loads.
  setEnvironment('ORT_DISABLE_TELEMETRY', '1');
  const runtime = openRuntime(file);
  loaded.set(file, runtime);
  return runtime;
}

/** Where onnxruntime-node keeps the library for this machine. */
export function findLibrary(folder: string = libraryFolder()): string {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const name = names.sort().find((each) => libraryNames.test(each));
  if (name) return path.join(folder, name);
  throw new MissingLibraryError(
    `ONNX Runtime's native library for ${process.platform}-${process.arch}`,
    folder,
    'onnxruntime-node carries it for linux-x64, linux-arm64, darwin-arm64, win32-x64 and win32-arm64; ' +
      'on one of these, reinstall it: npm install onnxruntime-node',
  );
}

const libraryNames = /^(libonnxruntime\.so\.1|onnxruntime\.dll|libonnxruntime\..*dylib)$/;

function libraryFolder(): string {
  const main = resolvePackage();
  return path.join(
    path.dirname(main),
    '..',
    'bin',
    'napi-v6', // The only build that onnxruntime-node 1.30 ships.
    process.platform,
    process.arch,
  );
}

function resolvePackage(): string {
  try {
    return createRequire(import.meta.url).resolve('onnxruntime-node');
  } catch (cause) {
    throw new MissingLibraryError(
      'the package onnxruntime-node',
      'node_modules',
      'Install it: npm install onnxruntime-node. Its install script is not needed',
      { cause },
    );
  }
}

function openRuntime(file: string): Runtime {
  const api = openApi(file);
  let kernels: Kernels | undefined;
  const doing = 'starting ONNX Runtime';
  return {
    api,
    folder: path.dirname(file),
    environment: api.create(doing, 'CreateEnv', LOG_FATAL, 'lingbi'),
    cpuMemory: api.create(doing, 'CreateCpuMemoryInfo', ARENA_ALLOCATOR, MEMORY_DEFAULT),
    allocator: api.create(doing, 'GetAllocatorWithDefaultOptions'),
    discard: createDiscard(),
    kernels: () => (kernels ??= createKernels(api)),
  };
}

function openApi(file: string): OnnxApi {
  try {
    return new OnnxApi(file, koffi.load(file));
  } catch (cause) {
    if (cause instanceof IncompatibleLibraryError) throw cause;
    throw new MissingLibraryError(
      `ONNX Runtime in ${path.basename(file)} (${(cause as Error).message})`,
      path.dirname(file),
      'Reinstall it: npm install onnxruntime-node',
      { cause },
    );
  }
}
