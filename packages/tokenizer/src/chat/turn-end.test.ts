import { expect, test } from 'vitest';
import { createTurnEndCutter, cutAtTurnEnd, extendHistory } from './turn-end.ts';

test.each([
  ['Yes.[UNUSED_TOKEN_145]\n[UNUSED_TOKEN_146]user', 'Yes.'],
  ['Yes.<|im_end|> [UNUSED_TOKEN_145]', 'Yes.'],
  [' nothing is trimmed \n', ' nothing is trimmed \n'],
  ['[UNUSED_TOKEN_14', '[UNUSED_TOKEN_14'],
  ['', ''],
])('%j is cut to %j', (text, cut) => {
  expect(cutAtTurnEnd(text)).toBe(cut);
});

test('the history keeps the query as it was asked and the answer cut', () => {
  const history = [{ query: 'a', answer: 'b' }];
  expect(extendHistory(history, '<ImageHere>c', 'd[UNUSED_TOKEN_145]e')).toEqual([
    { query: 'a', answer: 'b' },
    { query: '<ImageHere>c', answer: 'd' },
  ]);
});

test.each([
  'plain text',
  'cut[UNUSED_TOKEN_145]here',
  'almost [UNUSED_TOKEN_14[UNUSED_TOKEN_145] there',
  '<|im_<|im_end|>rest',
  'ends in [UNUSED_TOKEN_1',
])('%j in parts of any size gives what it gives at once', (text) => {
  for (let size = 1; size <= text.length; size++) {
    const cutter = createTurnEndCutter();
    let joined = '';
    for (let start = 0; start < text.length; start += size) {
      joined += cutter.push(text.slice(start, start + size));
    }
    joined += cutter.end();
    expect(joined).toBe(cutAtTurnEnd(text));
    expect(cutter.ended).toBe(joined !== text);
  }
});

test('only what may begin the mark is held back', () => {
  const cutter = createTurnEndCutter();
  expect(cutter.push('a [UNUSED')).toBe('a ');
  expect(cutter.push('_B')).toBe('[UNUSED_B');
});

test('a copy of a cutter goes on alone, in the middle of a mark and after it', () => {
  const cutter = createTurnEndCutter();
  cutter.push('a <|im_');
  const copy = cutter.copy();
  expect(cutter.push('end|>')).toBe('');
  expect([cutter.ended, copy.ended]).toEqual([true, false]);
  expect(copy.push('b')).toBe('<|im_b');
  expect(cutter.copy().push('c')).toBe('');
});
