import { defineConfig } from 'vitest/config';
import { closingLine } from './scripts/closing-line.ts';

// Tests run on the sources: packages resolve each other through the `lingbi:source` condition.
const conditions = ['lingbi:source', 'node', 'import', 'module', 'default'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'apps/*/src/**/*.test.ts',
      'scripts/**/*.test.ts',
      'fixtures/**/*.test.ts',
    ],
    reporters: ['default', closingLine()],
    // No test measures time; these only end what hangs, also on a machine with much else to do.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
