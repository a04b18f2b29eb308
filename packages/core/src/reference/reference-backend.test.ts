import { testBackend } from '../testing/index.ts';
import { referenceBackend } from './reference-backend.ts';

testBackend(referenceBackend, { default: 0 });
