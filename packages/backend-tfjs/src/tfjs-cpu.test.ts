import { testBackend } from '@lingbi/core/testing';
import { tfjs } from './tfjs.ts';

testBackend(tfjs({ engine: 'cpu' }));
