import { UnsupportedError } from '@lingbi/core';
import koffi from 'koffi';

/**
 * Stack of a call on a worker thread, in bytes. Koffi gives 128 KiB, on which WebGPU's shader
 * compilers crash; 8 MiB is what Linux gives a thread. Untouched pages cost nothing.
 */
const STACK_BYTES = 8 << 20;

/**
 * Must come before the first library is loaded: koffi takes no settings afterwards.
 *
 * @throws UnsupportedError when another package was faster, rather than crash later.
 */
export function enlargeCallStacks(): void {
  const found = koffi.config().async_stack_size ?? 0;
  if (found >= STACK_BYTES) return;
  try {
    koffi.config({ ...koffi.config(), async_stack_size: STACK_BYTES });
  } catch (cause) {
    throw new UnsupportedError(
      `ONNX Runtime needs call stacks of ${STACK_BYTES} bytes, but koffi was already in use with ${found}. ` +
        `Call koffi.config({ async_stack_size: ${STACK_BYTES} }) before the other package loads its library`,
      { cause },
    );
  }
}
