import { expect, test } from 'vitest';
import { judgeHugePages } from './check-huge-pages.ts';

const onRequest = 'always [madvise] never';

test('doctor says how to ask for huge pages where the system gives them on request', () => {
  expect(judgeHugePages(onRequest, 'glibc.malloc.trim_threshold=1')).toMatchObject({
    state: 'missing',
    fix: 'export GLIBC_TUNABLES=glibc.malloc.hugetlb=1',
  });
});

test.each([
  ['[always] madvise never', undefined],
  [onRequest, 'glibc.malloc.hugetlb=1'],
])('and is content with %s and GLIBC_TUNABLES=%s', (setting, tunables) => {
  expect(judgeHugePages(setting, tunables)?.state).toBe('good');
});

test.each(['always madvise [never]', ''])(
  'and is silent where there is no choice: "%s"',
  (setting) => {
    expect(judgeHugePages(setting)).toBeUndefined();
  },
);
