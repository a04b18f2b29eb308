import { expect, test } from 'vitest';
import { generatedLines, mulberry32, readFixture, tinyModel } from '../testing.ts';
import { createTokenizer, type Tokenizer } from '../tokenizer.ts';

test('agrees with merging written out plainly, on the real vocabulary', () => {
  const tokenizer = createTokenizer(readFixture('internlm2/tokenizer.model'));
  const plain = plainMerger(tokenizer);
  for (const line of generatedLines(1500, 3)) {
    const run = [...line.replace(/[Ｅｚ]|——|……|—|…/g, 'x')].slice(0, 60).join('');
    expect([...tokenizer.encode(run)], run).toEqual(plain(run.replaceAll(' ', '▁')));
  }
});

test('agrees with merging written out plainly, on random vocabularies', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = mulberry32(seed);
    const tokenizer = createTokenizer(tinyModel(randomPieces(random)));
    const plain = plainMerger(tokenizer);
    for (let line = 0; line < 50; line++) {
      const text = randomText(random, 20);
      expect([...tokenizer.encode(text)], text).toEqual(plain(text.replaceAll(' ', '▁')));
    }
  }
});

test('takes the leftmost of equal scores', () => {
  const tokenizer = createTokenizer(tinyModel(['a', 'aa']));
  expect([...tokenizer.encode('aaa')]).toEqual([tokenizer.idOf('aa'), tokenizer.idOf('a')]);
});

test('joins characters that are no pieces themselves', () => {
  const tokenizer = createTokenizer(tinyModel(['xy']));
  expect([...tokenizer.encode('xyx')]).toEqual([tokenizer.idOf('xy'), tokenizer.idOf('<0x78>')]);
});

test('a long text without spaces takes no quadratic time', () => {
  const tokenizer = createTokenizer(readFixture('internlm2/tokenizer.model'));
  expect(tokenizer.encode('a'.repeat(400_000))).toHaveLength(100_000);
});

/** Texts over few characters, one of them a surrogate pair, so that pieces overlap in every way. */
function randomText(random: () => number, longest: number): string {
  const characters = ['a', 'b', 'c', ' ', '𝔸'];
  const length = 1 + Math.floor(random() * longest);
  return Array.from({ length }, () => characters[Math.floor(random() * 5)]).join('');
}

function randomPieces(random: () => number): string[] {
  const texts = Array.from({ length: 30 }, () => randomText(random, 4).replaceAll(' ', '▁'));
  return [...new Set(texts)];
}

/** Looks at all neighbours before every merge: slow, and easy to see through. */
function plainMerger({ model }: Tokenizer): (text: string) => number[] {
  const idOf = new Map<string, number>();
  model.pieces.forEach(({ text, type }, id) => {
    if (type === 'normal') idOf.set(text, id);
  });
  const byteIds = model.pieces.findIndex(({ type }) => type === 'byte');
  return (text) => {
    const symbols = [...text];
    for (;;) {
      let best = -1;
      let bestScore = Number.NEGATIVE_INFINITY;
      for (let place = 0; place + 1 < symbols.length; place++) {
        const id = idOf.get(symbols[place]! + symbols[place + 1]!);
        const score = id === undefined ? Number.NEGATIVE_INFINITY : model.pieces[id]!.score;
        if (score > bestScore) {
          best = place;
          bestScore = score;
        }
      }
      if (best < 0) break;
      symbols.splice(best, 2, symbols[best]! + symbols[best + 1]!);
    }
    return symbols.flatMap((symbol) => {
      const id = idOf.get(symbol);
      if (id !== undefined) return [id];
      return [...new TextEncoder().encode(symbol)].map((byte) => byteIds + byte);
    });
  };
}
