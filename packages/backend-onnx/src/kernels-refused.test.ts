/** A file of its own, and so a process: what is refused here is refused to all of it. */
import { randomFloats } from '@lingbi/core/testing';
import koffi from 'koffi';
import { expect, test } from 'vitest';
import { enlargeCallStacks } from './call-stacks.ts';
import { allowAmx, missingKernels, usesAmx } from './kernels.ts';
import { loadRuntime } from './library.ts';
import { processorsOfLinux } from './processors.ts';
import { randomBlocks } from './test-tools/block-product.ts';
import { compareExactly, compile } from './test-tools/run-product.ts';

const isThere = !missingKernels() && processorsOfLinux()![0]!.includes(' amx_int8');

test.skipIf(!isThere)('where Linux refuses AMX, products do without it', async () => {
  enlargeCallStacks(); // before any library is loaded
  useSmallSignalStack(); // before ONNX Runtime asks for AMX itself
  const { library } = loadRuntime().kernels();
  expect(usesAmx(library)).toBe(false);
  expect(allowAmx(library, true)).toBe(false);
  const kind = { bits: 4, blockSize: 32, out: 37, width: 160, zeroPoints: true, hasBias: true };
  const matrix = randomBlocks('w', { ...kind, bits: 4 });
  await using program = await compile(matrix);
  const x = randomFloats('x', [40, matrix.width]);
  expect((await compareExactly(program, matrix, x)).tooFar).toEqual([]);
});

/** A signal could not save such registers on it, so a process with one may not use them (sigaltstack(2)). */
function useSmallSignalStack(): void {
  const stack = koffi.struct({ sp: 'void *', flags: 'int', size: 'size_t' });
  const sigaltstack = koffi
    .load('libc.so.6')
    .func('sigaltstack', 'int', [koffi.pointer(stack), 'void *']);
  const memory = koffi.alloc('uint8_t', 8192);
  expect(sigaltstack({ sp: memory, flags: 0, size: 8192 }, null)).toBe(0);
}
