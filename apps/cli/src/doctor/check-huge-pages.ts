import { readFile } from 'node:fs/promises';
import type { Check } from './check.ts';

const settingFile = '/sys/kernel/mm/transparent_hugepage/enabled';
const request = 'glibc.malloc.hugetlb=1';

/**
 * Where kernels copy weights, opening a model takes as much fresh memory, which Linux hands out faster in
 * pages of 2 MiB than of 4 KiB. Undefined where there is no choice.
 */
export async function checkHugePages(): Promise<Check | undefined> {
  const setting = await readFile(settingFile, 'utf8').catch(() => '');
  return judgeHugePages(setting, process.env['GLIBC_TUNABLES']);
}

/** `setting` is what the kernel says, its choice in brackets: `always [madvise] never`. */
export function judgeHugePages(setting: string, tunables = ''): Check | undefined {
  const name = 'huge pages';
  const chosen = /\[(\w+)\]/.exec(setting)?.[1];
  if (chosen === 'always') return { name, state: 'good', detail: 'for all memory' };
  if (chosen !== 'madvise') return undefined;
  if (tunables.includes(request)) return { name, state: 'good', detail: 'asked for by glibc' };
  const detail =
    'on request, and nothing asks for them; models whose weights are copied open faster with them';
  return { name, state: 'missing', detail, fix: `export GLIBC_TUNABLES=${request}` };
}
