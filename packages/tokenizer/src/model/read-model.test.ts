import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mulberry32, readFixture, tinyModel } from '../testing.ts';
import { TokenizerModelError } from './errors.ts';
import type { Piece, TokenizerModel } from './model.ts';
import { readModel } from './read-model.ts';
import { writeModel } from './write-model.ts';

const tiny = tinyModel(['▁a', 'a', '中文', '\0'], { userDefined: ['[MARK]'] });
const tinyBytes = writeModel(tiny);

test('reads the real vocabulary', () => {
  const model = readModel(readFixture('internlm2/tokenizer.model'));
  const counts = new Map<string, number>();
  for (const { type } of model.pieces) counts.set(type, (counts.get(type) ?? 0) + 1);
  expect(Object.fromEntries(counts)).toEqual({
    unknown: 1,
    control: 2,
    byte: 256,
    normal: 92093,
    'user-defined': 192,
  });
  expect(model.normalizer).toEqual({
    addDummyPrefix: false,
    removeExtraWhitespaces: false,
    escapeWhitespaces: true,
  });
  expect([model.beginId, model.endId]).toEqual([1, 2]);
  expect(model.pieces[354]!.text).toBe('\0');
  expect(model.pieces[60366]).toEqual({ text: '中', score: -111767, type: 'normal' });
  expect(model.pieces[92542]!.text).toBe('[UNUSED_TOKEN_145]');
});

describe('what was written is read back', () => {
  test.each<[string, TokenizerModel]>([
    ['a tiny model', tiny],
    ['a model without begin and end', tinyModel(['a'], { beginId: -1, endId: -1 })],
    [
      'other settings for spaces',
      tinyModel(['a'], {
        normalizer: {
          addDummyPrefix: true,
          removeExtraWhitespaces: true,
          escapeWhitespaces: false,
        },
      }),
    ],
  ])('%s', (_, model) => {
    expect(readModel(writeModel(model))).toEqual(model);
  });

  test('any pieces with float32 scores', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 8 }).map((end) => `x${end}`);
    const score = fc.float({ noNaN: true, noDefaultInfinity: true });
    const piece = fc.record({ text, score, type: fc.constantFrom('normal', 'user-defined') });
    const pieces = fc.uniqueArray(piece, { selector: (each) => each.text, maxLength: 20 });
    fc.assert(
      fc.property(pieces, (added) => {
        const model: TokenizerModel = { ...tiny, pieces: [...tiny.pieces, ...(added as Piece[])] };
        expect(readModel(writeModel(model))).toEqual(model);
      }),
      { numRuns: 100 },
    );
  });

  test('the real vocabulary', () => {
    const model = readModel(readFixture('internlm2/tokenizer.model'));
    expect(readModel(writeModel(model))).toEqual(model);
  });
});

describe('refuses', () => {
  const field = (number: number, wireType: number) => number * 8 + wireType;
  const piece = (...content: number[]) => [field(1, 2), content.length, ...content];
  const trainer = (...content: number[]) => [field(2, 2), content.length, ...content];
  const normalizer = (...content: number[]) => [field(3, 2), content.length, ...content];
  const text = (...bytes: number[]) => [field(1, 2), bytes.length, ...bytes];
  const hugeLength = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];

  test.each<[string, number[], string, string]>([
    ['an empty file', [], 'unsupported', 'The model type is 1; only BPE (2) is read'],
    [
      'a number without an end',
      [0xff],
      'truncated',
      'Reading a number: it needs 1 bytes and 0 are left',
    ],
    ['a number over ten bytes', Array(11).fill(0xff), 'malformed', 'does not end within 10 bytes'],
    [
      'a length beyond the file',
      [field(1, 2), 200, 1, 0],
      'truncated',
      'Reading piece 0: it needs 200',
    ],
    ['an absurd length', [field(1, 2), ...hugeLength], 'truncated', 'Reading piece 0'],
    ['a text beyond its piece', piece(field(1, 2), 9, 65), 'truncated', 'Reading text of piece 0'],
    ['field number 0', [0, 0], 'malformed', 'its number is 0'],
    ['a group', [field(9, 3)], 'malformed', 'wire type 3'],
    [
      'pieces of another wire type',
      [field(1, 0), 1],
      'malformed',
      'Reading piece 0: its wire type is 0',
    ],
    [
      'a score of another wire type',
      piece(field(2, 0), 1),
      'malformed',
      'Reading score of piece 0',
    ],
    [
      'a type that does not exist',
      piece(...text(65), field(3, 0), 9),
      'malformed',
      'unknown type 9',
    ],
    ['text that is not UTF-8', piece(...text(0xc3)), 'malformed', 'Piece 0 is not valid UTF-8'],
    [
      'a piece over the limit',
      [field(1, 2), 0x84, 0x10, field(1, 2), 0x81, 0x10, ...Array(2049).fill(65)],
      'limit',
      'Piece 0 has 2049 bytes; at most 1024 are read',
    ],
    ['a unigram model', trainer(field(3, 0), 1), 'unsupported', 'only BPE (2) is read'],
    ['a model without byte fallback', trainer(field(3, 0), 2), 'unsupported', 'no byte fallback'],
    [
      'spaces after words',
      trainer(field(3, 0), 2, 0xc0, 1, 1, 0x98, 2, 1),
      'unsupported',
      'treat_whitespace_as_suffix',
    ],
    ['a charsmap', normalizer(...text(), field(2, 2), 1, 0), 'unsupported', 'precompiled_charsmap'],
  ])('%s', (_, bytes, fault, message) => {
    const read = () => readModel(Uint8Array.from(bytes));
    expect(read).toThrow(message);
    expect(read).toThrow(expect.objectContaining({ name: 'TokenizerModelError', fault }));
  });

  test('more pieces than the limit, before keeping them', () => {
    const one = piece(...text(65));
    const bytes = new Uint8Array(one.length * (2 ** 20 + 1));
    for (let start = 0; start < bytes.length; start += one.length) bytes.set(one, start);
    expect(() => readModel(bytes)).toThrow('More than 1048576 pieces');
  });

  const without = (spelling: string): TokenizerModel => ({
    ...tiny,
    pieces: tiny.pieces.filter((each) => each.text !== spelling),
  });
  const withPiece = (added: Partial<Piece>): TokenizerModel => ({
    ...tiny,
    pieces: [...tiny.pieces, { text: 'new', score: 0, type: 'normal', ...added }],
  });
  test.each<[string, TokenizerModel, string]>([
    ['an empty piece', withPiece({ text: '' }), 'is empty'],
    ['a piece twice', withPiece({ text: 'a' }), 'Piece 264 ("a") is also piece 260'],
    ['a score that is no number', withPiece({ score: Number.NaN }), 'has the score NaN'],
    ['a misspelled byte', withPiece({ type: 'byte' }), 'is a byte piece spelled "new"'],
    ['an unused piece', withPiece({ type: 'unused' }), 'of type unused, which is not supported'],
    ['a missing byte', without('<0x7F>'), 'The byte piece <0x7F> is missing'],
    [
      'two unknown pieces',
      withPiece({ type: 'unknown' }),
      'There are 2 unknown pieces instead of one',
    ],
    [
      'a begin id that is no control piece',
      { ...tiny, beginId: 5 },
      'bos_id is 5, which is a byte piece',
    ],
    ['an end id that is no piece', { ...tiny, endId: 999 }, 'eos_id is 999, which is not a piece'],
  ])('%s', (_, model, message) => {
    expect(() => writeModel(model)).toThrow(message);
    expect(() => writeModel(model)).toThrow(TokenizerModelError);
  });
});

describe('hostile bytes give an error of our own or a model, nothing else', () => {
  test('every truncation of a small model', () => {
    for (let length = 0; length < tinyBytes.length; length++)
      tryToRead(tinyBytes.subarray(0, length));
  });

  test('mutations of a small model', () => {
    const mutation = fc.record({
      place: fc.nat(tinyBytes.length - 1),
      remove: fc.nat(4),
      insert: fc.array(fc.constantFrom(0, 1, 8, 10, 18, 0x7f, 0x80, 0xff), { maxLength: 12 }),
    });
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 6 }), (mutations) => {
        const bytes = [...tinyBytes];
        for (const { place, remove, insert } of mutations) bytes.splice(place, remove, ...insert);
        tryToRead(Uint8Array.from(bytes));
      }),
      { numRuns: 2000, seed: 1 },
    );
  });

  test('every bit of the last messages flipped', () => {
    for (let bit = (tinyBytes.length - 120) * 8; bit < tinyBytes.length * 8; bit++) {
      const bytes = tinyBytes.slice();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      tryToRead(bytes);
    }
  });

  test('bytes at random', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => tryToRead(bytes)),
      { numRuns: 1000, seed: 2 },
    );
  });

  test('holes in the real vocabulary', () => {
    const bytes = readFixture('internlm2/tokenizer.model');
    const random = mulberry32(9);
    for (let hole = 0; hole < 10; hole++) {
      const damaged = bytes.slice();
      damaged.fill(0xff, Math.floor(random() * bytes.length)).copyWithin(0, 1, 100);
      tryToRead(damaged);
    }
  });

  function tryToRead(bytes: Uint8Array): void {
    try {
      expect(readModel(bytes).pieces.length).toBeGreaterThan(256);
    } catch (error) {
      if (!(error instanceof TokenizerModelError)) throw error;
    }
  }
});
