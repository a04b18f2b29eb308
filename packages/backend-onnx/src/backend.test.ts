import { testBackend } from '@lingbi/core/testing';
import { onnx } from './backend.ts';

testBackend(onnx({ threads: 1 }));
