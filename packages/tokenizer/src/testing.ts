// What several test files need: the real tokenizer, recorded cases, a tiny model and generated text.
import { readFileSync } from 'node:fs';
import { byteSpelling, type Piece, type TokenizerModel } from './model/model.ts';

const fixtures = new URL('../../../fixtures/', import.meta.url);

export function readFixture(name: string): Uint8Array {
  return readFileSync(new URL(name, fixtures));
}

export function readJsonFixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, fixtures), 'utf8')) as T;
}

/** A model with the three usual control pieces, all bytes and the given pieces; scores fall by one. */
export function tinyModel(
  texts: readonly string[],
  {
    userDefined = [],
    ...overrides
  }: { userDefined?: readonly string[] } & Partial<TokenizerModel> = {},
): TokenizerModel {
  const bytes = Array.from({ length: 256 }, (_, value) => byteSpelling(value));
  const pieces: Piece[] = [
    { text: '<unk>', score: 0, type: 'unknown' },
    { text: '<s>', score: 0, type: 'control' },
    { text: '</s>', score: 0, type: 'control' },
    ...bytes.map((text): Piece => ({ text, score: 0, type: 'byte' })),
    ...texts.map((text, place): Piece => ({ text, score: -place, type: 'normal' })),
    ...userDefined.map((text): Piece => ({ text, score: 0, type: 'user-defined' })),
  ];
  const normalizer = {
    addDummyPrefix: false,
    removeExtraWhitespaces: false,
    escapeWhitespaces: true,
  };
  return { pieces, normalizer, beginId: 1, endId: 2, ...overrides };
}

// Scripts of one and of several bytes, accents both ways, joined emoji, runs of white space, control
// characters, spellings of markers and their beginnings, and characters no piece contains.
const ALPHABETS: readonly (readonly string[])[] = [
  [...'abcdefghijklmnopqrstuvwxyz ETAOIN    '],
  [...'今天天气很好我们一起去公园散步吧请根据下面材料写一篇，。！？'],
  [...'0123456789.,:;+-*/=()<>[]{}|_#"\'`\\'],
  [' ', '  ', '   ', '\n', '\n\n', '\t', '\r\n', '\u00a0', '\u3000', '▁'],
  ['😀', '👍🏽', '👨‍👩‍👧', '❤️', '🇨🇳', '🦱', '\u{10FFFF}', '𝔸', '𠀀'],
  ['é', 'e\u0301', 'ñ', 'ß', 'Ω', 'Ж', 'ي', 'א', 'ก', 'ह', '한', 'ᚠ'],
  ['\u0000', '\u0001', '\u001b', '\u007f', '\u200b', '\ufeff', '\u2028'],
  ['<s>', '</s>', '<unk>', '[UNUSED_TOKEN_145]', '[UNUSED_TOKEN_14', 'TOKEN_145]', '<0x0A>'],
  ['Ｅ', 'Ａ', 'ｚ', '——', '—', '……', '…', '<ImageHere>', '<|im_end|>', ' the', ' image'],
];

/** The same lines every time: each draws from one to three alphabets. */
export function generatedLines(count: number, seed = 1): string[] {
  const random = mulberry32(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  return Array.from({ length: count }, () => {
    const alphabet = Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(ALPHABETS));
    const length = Math.floor(random() * 40);
    return Array.from({ length }, () => pick(pick(alphabet))).join('');
  });
}

/** Tommy Ettinger's generator: 32 bits of state, enough for test data. */
export function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
