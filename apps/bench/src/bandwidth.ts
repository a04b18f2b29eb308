import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

const libraries: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'libc.so.6',
  darwin: '/usr/lib/libSystem.B.dylib',
};

/** Far more than any cache holds. */
const BYTES = 2 ** 28;

/**
 * How fast all cores together read memory, in GB/s: they compare equal arrays with the C library's
 * memcmp, which reads both as fast as it can. Undefined where that library has another name.
 */
export function bandwidthMeter(
  threads: number = availableParallelism(),
): (() => Promise<number>) | undefined {
  const name = libraries[process.platform];
  if (name === undefined) return undefined;
  // koffi belongs to @lingbi/backend-onnx, so it is looked up from there.
  const koffi = createRequire(fileURLToPath(import.meta.resolve('@lingbi/backend-onnx')))('koffi');
  const compare = koffi.load(name).func('int memcmp(void *, void *, size_t)');
  const arrays = Array.from({ length: 2 * threads }, () => new Uint8Array(BYTES).fill(7));
  return async (): Promise<number> => {
    const started = performance.now();
    await Promise.all(
      Array.from(
        { length: threads },
        (_, at) =>
          new Promise((resolve) =>
            compare.async(arrays[2 * at], arrays[2 * at + 1], BYTES, resolve),
          ),
      ),
    );
    return (2 * threads * BYTES) / (performance.now() - started) / 1e6;
  };
}
