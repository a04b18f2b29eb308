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
 * How fast all cores together, four at most, read memory, in GB/s: what the C library's memcmp or memchr
 * reaches, whichever is faster here. The one reads along two equal arrays, the other one searches them for what is not there.
 * Undefined where that library has another name.
 */
export function bandwidthMeter(
  threads: number = availableParallelism(),
): (() => Promise<number>) | undefined {
  const name = libraries[process.platform];
  if (name === undefined) return undefined;
  // koffi belongs to @lingbi/backend-onnx, so it is looked up from there.
  const koffi = createRequire(fileURLToPath(import.meta.resolve('@lingbi/backend-onnx')))('koffi');
  const library = koffi.load(name);
  const compare = library.func('int memcmp(void *, void *, size_t)');
  const find = library.func('void *memchr(void *, int, size_t)');
  const pairs = Array.from({ length: threads }, () =>
    [0, 1].map(() => new Uint8Array(BYTES).fill(7)),
  );
  const compareBoth: Reading = ([one, other], done) => compare.async(one, other, BYTES, done);
  const searchBoth: Reading = ([one, other], done) =>
    find.async(one, 0, BYTES, (error: unknown) =>
      error ? done(error) : find.async(other, 0, BYTES, done),
    );
  return async () => Math.max(await rateOf(pairs, compareBoth), await rateOf(pairs, searchBoth));
}

/** Reads a pair of arrays on another thread. */
type Reading = (pair: readonly Uint8Array[], done: (error: unknown) => void) => void;

async function rateOf(pairs: readonly (readonly Uint8Array[])[], read: Reading): Promise<number> {
  const started = performance.now();
  await Promise.all(
    pairs.map(
      (pair) =>
        new Promise<void>((resolve, reject) =>
          read(pair, (error) => (error ? reject(error) : resolve())),
        ),
    ),
  );
  return (2 * pairs.length * BYTES) / (performance.now() - started) / 1e6;
}
