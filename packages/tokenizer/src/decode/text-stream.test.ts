import { expect, test } from 'vitest';
import { tinyModel } from '../testing.ts';
import { createTokenizer } from '../tokenizer.ts';

const tokenizer = createTokenizer(tinyModel(['▁a', '中']));
const bytes = (...values: number[]) => values.map((value) => 3 + value);
const pushAll = (ids: number[]) => {
  const stream = tokenizer.createTextStream();
  return [...ids.map((id) => stream.push(id)), stream.end()];
};

test('a character made of bytes comes out whole with its last byte', () => {
  expect(pushAll(bytes(0xf0, 0x9f, 0x98, 0x80))).toEqual(['', '', '', '😀', '']);
});

test('an unfinished character becomes one U+FFFD a byte when another piece follows', () => {
  expect(pushAll([...bytes(0xf0, 0x9f), tokenizer.idOf('中')!])).toEqual([
    '',
    '',
    '\ufffd\ufffd中',
    '',
  ]);
});

test('an unfinished character becomes one U+FFFD a byte at the end', () => {
  expect(pushAll(bytes(0xf0, 0x9f, 0x98))).toEqual(['', '', '', '\ufffd\ufffd\ufffd']);
});

test.each([
  ['a continuation byte alone', [0x80], '\ufffd'],
  ['a byte that is never used', [0xff], '\ufffd'],
  ['a character written longer than needed', [0xc0, 0x80], '\ufffd\ufffd'],
  ['half of a surrogate pair', [0xed, 0xa0, 0x80], '\ufffd\ufffd\ufffd'],
  ['a number beyond Unicode', [0xf4, 0x90, 0x80, 0x80], '\ufffd\ufffd\ufffd\ufffd'],
  ['a broken character, then a letter', [0xe4, 0xb8, 0x41], '\ufffd\ufffdA'],
  ['a character inside a broken one', [0xf0, 0xe4, 0xb8, 0xad], '\ufffd中'],
  ['a written U+FFFD', [0xef, 0xbf, 0xbd], '\ufffd'],
])('%s', (_, values, text) => {
  expect(pushAll(bytes(...values)).join('')).toBe(text);
  expect(tokenizer.decode(bytes(...values))).toBe(text);
});

test('a skipped control piece does not break a character, a kept one does', () => {
  const ids = [...bytes(0xc3), 2, ...bytes(0xa9)];
  expect(tokenizer.decode(ids)).toBe('é');
  expect(tokenizer.decode(ids, { controls: 'keep' })).toBe('\ufffd</s>\ufffd');
});

test('a copy of a stream goes on alone, in the middle of a character', () => {
  const stream = tokenizer.createTextStream();
  stream.push(bytes(0xc3)[0]!);
  const copy = stream.copy();
  expect(stream.push(bytes(0xa9)[0]!)).toBe('é');
  expect(copy.push(bytes(0xa8)[0]!)).toBe('è');
  expect([stream.end(), copy.end()]).toEqual(['', '']);
});

test('a copy knows whether the text has begun', () => {
  const normalizer = {
    ...{ addDummyPrefix: true, removeExtraWhitespaces: false },
    escapeWhitespaces: true,
  };
  const words = createTokenizer(tinyModel(['▁a'], { normalizer }));
  const stream = words.createTextStream();
  const early = stream.copy();
  const [a] = words.encode('a');
  expect(stream.push(a!)).toBe('a');
  expect(stream.copy().push(a!)).toBe(' a');
  expect(early.push(a!)).toBe('a');
});
