import { describe, expect, test } from 'vitest';
import { parseModelId } from './model-id.ts';

describe('parseModelId()', () => {
  test.each([
    ['internlm/internlm-xcomposer2d5-7b', { id: 'internlm/internlm-xcomposer2d5-7b' }],
    ['gpt2', { id: 'gpt2' }],
    ['a/b_c.d@v1.0', { id: 'a/b_c.d', revision: 'v1.0' }],
    ['a/b@refs/pr/1', { id: 'a/b', revision: 'refs/pr/1' }],
  ])('reads %s', (text, expected) => {
    expect(parseModelId(text)).toEqual(expected);
  });

  test.each([
    '',
    '.',
    '..',
    '../a',
    'a/..',
    '/a',
    'a/',
    'a/b/c',
    'a--b/c',
    'a\\b',
    'a b',
    '-a/b',
    'a/b.',
    'x'.repeat(97),
  ])('refuses %j as a name', (text) => {
    expect(() => parseModelId(text)).toThrow('Write owner/name or owner/name@revision');
  });

  test.each(['a/b@', 'a/b@../c', 'a/b@/c', 'a/b@x..', 'a/b@c:d'])(
    'refuses the revision of %j',
    (text) => {
      expect(() => parseModelId(text)).toThrow('is not a revision. Give a branch');
    },
  );
});
