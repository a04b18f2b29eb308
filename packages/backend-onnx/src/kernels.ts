import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import koffi, { type LibraryHandle } from 'koffi';
import type { Handle, OnnxApi } from './api.ts';
import { KernelsInUseError, MissingLibraryError } from './errors.ts';
import { processorsOfLinux } from './processors.ts';

/** Operators of our own (native/), in a domain of their own. */
export interface Kernels {
  /** Unloaded when it is garbage collected, which must not happen while there are sessions. */
  readonly library: LibraryHandle;
  /** Makes a session able to run them. */
  addTo(sessionOptions: Handle): void;
}

const kernelFile = fileURLToPath(
  new URL(`../prebuilt/${process.platform}-${process.arch}.so`, import.meta.url),
);

/** Domain and version of operators that models name. */
export const kernelDomain = 'lingbi';
export const kernelVersion = 1;

/** Blocks that MultiplyBlocks knows (native/block-product.c). */
const blockSizes: ReadonlySet<number> = new Set([32, 64, 128]);

export function canMultiplyBlocks(inWidth: number, blockSize: number): boolean {
  return blockSizes.has(blockSize) && inWidth % blockSize === 0;
}

/** What the kernels are compiled for, in Linux's words. */
const neededFeatures = ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512_vnni'];

/**
 * Why there are no kernels of ours here; undefined where there are. What Linux says of the processors
 * is asked each time.
 *
 * @example
 * console.log(missingKernels() ?? 'weights in blocks are multiplied where they stand');
 */
export function missingKernels(
  file: string = kernelFile,
  processors: readonly string[] = processorsOfLinux() ?? [],
): string | undefined {
  if (!existsSync(file)) return `there is no ${file}`;
  const features = new Set(processors[0]?.match(/^flags\s*:(.*)$/m)?.[1]?.split(' '));
  const lacking = neededFeatures.filter((each) => !features.has(each));
  return lacking.length > 0 ? `the processor lacks ${lacking.join(', ')}` : undefined;
}

/** Loads them. @throws MissingLibraryError when that fails, KernelsInUseError for a second ONNX Runtime. */
export function createKernels(api: OnnxApi): Kernels {
  const kernels = openLibrary();
  const isOurs = kernels.func('bool lingbi_use(void *api)')(api.functions) as boolean;
  if (!isOurs) throw new KernelsInUseError(api.path);
  allowAmx(kernels, true);
  const domain = api.create('preparing kernels', 'CreateCustomOpDomain', kernelDomain);
  for (const operator of operatorsOf(kernels)) {
    api.call('preparing kernels', 'CustomOpDomain_Add', domain, operator);
  }
  return {
    library: kernels,
    addTo: (options) => api.call('adding kernels', 'AddCustomOpDomain', options, domain),
  };
}

/** Whether products of many rows take tiles of AMX from now on: not where the processor or the system has none. */
export function allowAmx(library: LibraryHandle, isWanted: boolean): boolean {
  return library.func('bool lingbi_allow_amx(bool is_wanted)')(isWanted) as boolean;
}

/** Whether they do. */
export function usesAmx(library: LibraryHandle): boolean {
  return library.func('bool lingbi_has_amx()')() as boolean;
}

function openLibrary(): LibraryHandle {
  try {
    return koffi.load(kernelFile);
  } catch (cause) {
    throw new MissingLibraryError(
      `lingbi's kernels in ${path.basename(kernelFile)} (${(cause as Error).message})`,
      path.dirname(kernelFile),
      "Do without them: onnx({ kernels: 'onnxruntime' })",
      { cause },
    );
  }
}

function* operatorsOf(kernels: LibraryHandle): Generator<Handle> {
  const operatorAt = kernels.func('void *lingbi_operator(int32_t place)');
  for (let place = 0; ; place++) {
    const operator = operatorAt(place) as Handle | null;
    if (!operator) return;
    yield operator;
  }
}
