import { expect } from 'vitest';
import type { HostTensor } from '../backend/backend.ts';
import { relativeError } from './relative-error.ts';

/** Fails unless shapes are equal and numbers differ by at most `tolerance` of the largest expected. */
export function expectClose(
  found: HostTensor,
  expected: HostTensor,
  tolerance: number,
  what: string,
): void {
  expect({ what, shape: [...found.shape], dtype: found.dtype }).toEqual({
    what,
    shape: [...expected.shape],
    dtype: expected.dtype,
  });
  const error = relativeError(found.data, expected.data);
  expect(error, `${what}: largest difference, relative to the largest number`).toBeLessThanOrEqual(
    tolerance,
  );
}
