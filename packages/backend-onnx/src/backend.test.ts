import { testBackend } from '@lingbi/core/testing';
import { onnx } from './backend.ts';
import { missingKernels } from './kernels.ts';

testBackend(onnx({ threads: 1 }), { float16: !missingKernels() });
