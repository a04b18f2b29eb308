import { fileURLToPath } from 'node:url';
import { testGeneration } from '@lingbi/core/testing';
import { testedEngines } from './test-files/engines.ts';

const folder = fileURLToPath(new URL('../../../fixtures/ixc25-micro', import.meta.url));

for (const backend of testedEngines()) testGeneration(backend, { folder, runs: 6 });
