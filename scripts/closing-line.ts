import { writeSync } from 'node:fs';
import type { SerializedError } from 'vitest';
import type { Reporter, TestModule, TestSuite } from 'vitest/node';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Ends a run with one plain line, `12 passed, 0 failed, 1 skipped`, that people and machines read
 * alike. A file or a hook that breaks counts as a failed test, and a run of no tests as a failed run.
 */
export function closingLine(): Reporter {
  return {
    onTestRunEnd(modules, unhandledErrors) {
      const counts = count(modules, unhandledErrors);
      process.once('exit', () => {
        if (counts.passed + counts.failed === 0) process.exitCode = 1;
        writeSync(process.stdout.fd, `${formatCounts(counts)}\n`);
      });
    },
  };
}

export function formatCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function count(modules: readonly TestModule[], unhandled: readonly SerializedError[]): Counts {
  const counts = { passed: 0, failed: unhandled.length, skipped: 0 };
  for (const module of modules) {
    counts.failed += brokenParts(module);
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'pending')
        counts.skipped++; // the run was stopped before it
      else counts[state]++;
    }
  }
  return counts;
}

function brokenParts(module: TestModule): number {
  const parts: (TestModule | TestSuite)[] = [module, ...module.children.allSuites()];
  return parts.reduce((broken, part) => broken + part.errors().length, 0);
}
