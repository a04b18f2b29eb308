import type { CaseResult } from './run-case.ts';

const marks = { passed: '✓', failed: '✗', skipped: '–' } as const;

/** One line a case, and one more for each miss. */
export function printResult({ id, status, findings, notCompared, seconds }: CaseResult): string {
  const compared = findings.map(({ what, figure }) => `${what} ${figure}`).join(' · ');
  const left = notCompared.length > 0 ? ` (not compared: ${notCompared.join(', ')})` : '';
  const misses = findings
    .filter(({ ok }) => !ok)
    .map(({ what, detail }) => `\n    ${what}: ${detail}`);
  return `${marks[status]} ${id}  ${compared}${left}  ${seconds.toFixed(1)} s${misses.join('')}`;
}

/** `12 passed, 0 failed, 3 skipped`: the last line. */
export function printSummary(results: readonly CaseResult[]): string {
  const { passed, failed, skipped } = countResults(results);
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

export function countResults(
  results: readonly CaseResult[],
): Readonly<Record<CaseResult['status'], number>> {
  const count = (status: CaseResult['status']) =>
    results.filter((result) => result.status === status).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}
