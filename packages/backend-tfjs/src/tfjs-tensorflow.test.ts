import { testBackend } from '@lingbi/core/testing';
import { describe, test } from 'vitest';
import { builtBinding } from './test-files/built-binding.ts';
import { tfjs } from './tfjs.ts';

const binding = builtBinding();

if (binding === undefined) {
  describe.skip('tfjs (tensorflow): no native binding here, scripts/build-binding.sh makes one', () => {
    test('the whole contract', () => {});
  });
} else {
  testBackend(tfjs({ engine: 'tensorflow', binding }));
}
