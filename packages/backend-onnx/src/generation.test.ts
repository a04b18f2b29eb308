import { fileURLToPath } from 'node:url';
import { testGeneration } from '@lingbi/core/testing';
import { onnx } from './index.ts';

const folder = fileURLToPath(new URL('../../../fixtures/ixc25-micro', import.meta.url));

testGeneration(onnx({ threads: 1 }), { folder });
