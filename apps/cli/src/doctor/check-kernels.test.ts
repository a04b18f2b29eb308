import { missingKernels } from '@lingbi/backend-onnx';
import { expect, test } from 'vitest';
import { judgeKernels } from './check-kernels.ts';

const missing = missingKernels();

test.skipIf(missing)('doctor tries the kernels of the backend onnx', async () => {
  const detail = expect.stringContaining("lingbi's own");
  expect(await judgeKernels(undefined)).toMatchObject({ state: 'good', detail });
});

test('and says why there are none of ours, which is no failure', async () => {
  const { state, detail } = await judgeKernels('the processor lacks avx512f');
  expect(state).toBe('missing');
  expect(detail).toMatch(/^ONNX Runtime's, .*: the processor lacks avx512f$/);
});
