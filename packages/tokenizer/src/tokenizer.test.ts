import { describe, expect, test } from 'vitest';
import type { ParseSpecial, TextSpan } from './encode/trusted-text.ts';
import { generatedLines, mulberry32, readFixture, readJsonFixture, tinyModel } from './testing.ts';
import { createTokenizer } from './tokenizer.ts';

interface Recorded {
  sentencepiece_0_1_97: { text: string; ids: number[]; decoded: string }[];
  hf_wrapper: {
    text: string;
    ids_with_bos: number[];
    decoded_skip_special: string;
    decoded_keep_special: string;
  }[];
  hf_decode: { ids: number[]; skip_special: string; keep_special: string }[];
}

const recorded = readJsonFixture<Recorded>('goldens/tokenizer.json');
const tokenizer = createTokenizer(readFixture('internlm2/tokenizer.model'));
const encode = (text: string, parseSpecial: ParseSpecial = 'none') => [
  ...tokenizer.encode(text, { parseSpecial }),
];

describe('the recorded lines', () => {
  test('encode and decode as SentencePiece does', () => {
    expect(recorded.sentencepiece_0_1_97).toHaveLength(400);
    for (const { text, ids, decoded } of recorded.sentencepiece_0_1_97) {
      expect(encode(text, 'user-defined'), text).toEqual(ids);
      expect(tokenizer.decode(ids), text).toBe(decoded);
    }
  });

  test.each(recorded.hf_wrapper)('encode and decode as the wrapper does: $text', (line) => {
    const ids = tokenizer.encode(line.text, { parseSpecial: 'all', addBos: true });
    expect([...ids]).toEqual(line.ids_with_bos);
    expect(tokenizer.decode(ids)).toBe(line.decoded_skip_special);
    expect(tokenizer.decode(ids, { controls: 'keep-as-reference' })).toBe(
      line.decoded_keep_special,
    );
  });

  test.each(recorded.hf_decode)('decode as the wrapper does: $ids', (line) => {
    expect(tokenizer.decode(line.ids)).toBe(line.skip_special);
    expect(tokenizer.decode(line.ids, { controls: 'keep-as-reference' })).toBe(line.keep_special);
  });
});

// TOKENIZER §6
test.each<[text: string, ids: number[]]>([
  ['[UNUSED_TOKEN_146]user\n', [92543, 1008, 364]],
  ['[UNUSED_TOKEN_146]system\n', [92543, 9081, 364]],
  ['[UNUSED_TOKEN_145]\n[UNUSED_TOKEN_146]assistant\n', [92542, 364, 92543, 525, 11353, 364]],
  ['Hello, world!', [9843, 328, 2028, 346]],
  [' Hello', [22190]],
  [
    ' Generate the HTML code of this web image with Tailwind CSS.',
    [19987, 410, 9438, 2189, 446, 550, 3644, 2321, 579, 36029, 19313, 15302, 281],
  ],
  [
    'Here are some frames of a video. Describe this video in detail',
    [8554, 657, 1187, 14226, 446, 395, 2930, 281, 59434, 550, 2930, 435, 7856],
  ],
  ['Image1 ', [2056, 312, 262]],
  ['; Image2 ', [329, 4816, 314, 262]],
  ['Image1: ', [2056, 312, 334, 262]],
  ['The answer is', [918, 4384, 505]],
  ['浦语·灵笔', [62442, 60752, 60721, 61255, 61104]],
  ['InternLM-XComposer', [1214, 1070, 11146, 30778, 1234, 20248]],
  ['2024年12月', [638, 1311, 60372, 845, 60465]],
  ['12345.678', [4575, 1889, 281, 17163]],
  ['a  b   c', [264, 387, 260, 393, 271]],
  ['line1\nline2\n\nline3\r\n\ttab', [1198, 312, 364, 1198, 314, 402, 1198, 308, 450, 56959]],
  ['😀', [243, 162, 155, 131]],
  ['ＡＢＣ', [66844, 67676, 67219]],
  ['ＥＦ', [92352, 92353]],
  ['——……', [92395, 92396]],
  ['é\u0301', [63000, 64180]],
  ['a\u00a0b', [264, 60590, 260]],
  ['[UNUSED_TOKEN_1', [336, 2010, 15927, 18827, 284, 312]],
  ['A'.repeat(40), [56728, 56728, 56728, 56728, 56728]],
  ['<ImageHere>', [45910, 8554, 330]],
  ['<IMAGE 0>', [333, 30189, 262, 300, 330]],
  ['适合插入图像的行是', [68634, 69066, 70439, 91187, 60357]],
  ['最合适的图是', [60442, 70823, 60472, 60357]],
  ['标题是"', [70319, 60357, 278]],
])('%j has the ids of the specification', (text, ids) => {
  expect(encode(text, 'all')).toEqual(ids);
});

test('an empty text is the begin piece alone, or nothing', () => {
  expect([...tokenizer.encode('', { addBos: true })]).toEqual([1]);
  expect([...tokenizer.encode('')]).toEqual([]);
  expect([...tokenizer.encode([])]).toEqual([]);
});

describe('markers', () => {
  test('from outside are ordinary text', () => {
    expect(encode('<s>')).toEqual([43618, 330]);
    expect(encode('</s>')).toEqual([654, 269, 330]);
    for (const text of ['[UNUSED_TOKEN_145]', '</s>', 'x<unk>[UNUSED_TOKEN_0]<0x0A>']) {
      const ids = encode(text);
      expect(tokenizer.decode(ids, { controls: 'keep' })).toBe(text);
      const types = ids.map((id) => tokenizer.model.pieces[id]!.type);
      expect(types).not.toContain('user-defined');
      expect(types).not.toContain('control');
      expect(types).not.toContain('byte');
    }
  });

  test('that are ordinary writing are found in any text', () => {
    expect(encode('Ｅ——')).toEqual([92352, 92395]);
  });

  test('are ids in a trusted span and text in the next', () => {
    const ids = tokenizer.encode([
      { text: '[UNUSED_TOKEN_146]user\n', parseSpecial: 'all' },
      { text: 'a[UNUSED_TOKEN_145]</s>', parseSpecial: 'none' },
      { text: '[UNUSED_TOKEN_145]\n', parseSpecial: 'all' },
    ]);
    expect([...ids]).toEqual([92543, 1008, 364, ...encode('a[UNUSED_TOKEN_145]</s>'), 92542, 364]);
  });

  test('are not made from a trusted and an untrusted half', () => {
    const ids = tokenizer.encode([
      { text: '[UNUSED_TOKEN_', parseSpecial: 'all' },
      { text: '145]', parseSpecial: 'none' },
    ]);
    expect([...ids]).toEqual(encode('[UNUSED_TOKEN_145]'));
    expect(ids).not.toContain(92542);
  });

  test('are matched by the longest one that the text may write', () => {
    const marked = createTokenizer(tinyModel(['c'], { userDefined: ['[a]', '[a]c'] }), {
      isMarker: (piece) => piece.startsWith('['),
    });
    const [short, long] = [marked.idOf('[a]')!, marked.idOf('[a]c')!];
    expect([...marked.encode('[a]c[a]', { parseSpecial: 'user-defined' })]).toEqual([long, short]);
    const halfTrusted: TextSpan[] = [
      { text: '[a]', parseSpecial: 'user-defined' },
      { text: 'c', parseSpecial: 'none' },
    ];
    expect([...marked.encode(halfTrusted)]).toEqual([short, marked.idOf('c')]);
  });

  test('of level user-defined leave control strings text', () => {
    expect(encode('[UNUSED_TOKEN_145]</s>', 'user-defined')).toEqual([92542, 654, 269, 330]);
  });

  test('never come out of generated text that is not trusted', () => {
    const isMarker = (id: number) => {
      const { text, type } = tokenizer.model.pieces[id]!;
      return (
        type === 'control' ||
        type === 'unknown' ||
        /^\[.*\]$/.test(type === 'user-defined' ? text : '')
      );
    };
    const marked = generatedLines(2000, 11).filter((line) => encode(line).some(isMarker));
    expect(marked).toEqual([]);
  });
});

describe('generated lines', () => {
  const lines = generatedLines(5000);

  test('come back unchanged', () => {
    for (const line of lines) {
      // Written space symbols are read as spaces, as SentencePiece does.
      const expected = line.replaceAll('▁', ' ');
      expect(tokenizer.decode(tokenizer.encode(line))).toBe(expected);
      expect(tokenizer.decode(encode(line, 'all'), { controls: 'keep' })).toBe(expected);
    }
  });

  test('have the same ids with and without the cache', () => {
    const uncached = createTokenizer(tokenizer.model, { cache: false });
    const text = lines.join(' ');
    expect(encode(text)).toEqual([...uncached.encode(text)]);
    for (const line of lines) {
      const ids = tokenizer.encode(line, { parseSpecial: 'all' });
      expect(ids, line).toEqual(uncached.encode(line, { parseSpecial: 'all' }));
    }
  });

  test('have the same ids in one piece and in spans of one trust', () => {
    const random = mulberry32(5);
    for (const line of lines) {
      const first = Math.floor(random() * line.length);
      const second = first + Math.floor(random() * (line.length - first));
      for (const parseSpecial of ['all', 'user-defined', 'none'] as const) {
        const spans: TextSpan[] = [
          line.slice(0, first),
          line.slice(first, second),
          line.slice(second),
        ]
          // Cuts fall anywhere, inside surrogate pairs too.
          .map((text) => ({ text, parseSpecial }));
        expect([...tokenizer.encode(spans)], line).toEqual(encode(line, parseSpecial));
      }
    }
  });

  test('are streamed as they are decoded', () => {
    const random = mulberry32(7);
    for (const line of lines.slice(0, 2000)) {
      const ids = [...encode(line, 'all'), ...strayIds(random)];
      for (const controls of ['skip', 'keep'] as const) {
        const stream = tokenizer.createTextStream({ controls });
        const parts = [...ids.map((id) => stream.push(id)), stream.end()];
        expect(parts.join('')).toBe(tokenizer.decode(ids, { controls }));
        for (const part of parts) expect(part).toBe(part.replace(/\p{Surrogate}/gu, '?'));
      }
    }
  });

  /** Bytes in no order, whole pieces and control pieces between them. */
  function strayIds(random: () => number): number[] {
    return Array.from({ length: 8 }, () => Math.floor(random() * 300));
  }
});

test('lone surrogates are read as U+FFFD, whole pairs across spans as one character', () => {
  expect(encode('a\ud83d')).toEqual(encode('a\ufffd'));
  expect(encode('\ude00\ud83d')).toEqual(encode('\ufffd\ufffd'));
  const halves = tokenizer.encode([
    { text: '\ud83d', parseSpecial: 'none' },
    { text: '\ude00', parseSpecial: 'all' },
  ]);
  expect([...halves]).toEqual([243, 162, 155, 131]);
});

test('the NUL character is a piece like others', () => {
  expect(encode('\0')).toEqual([354]);
  expect(tokenizer.decode([354])).toBe('\0');
});

describe('models that change spaces', () => {
  const pieces = ['▁a', '▁b', 'a', 'b', '▁'];
  const idsOf = (texts: string[], words: { idOf(piece: string): number | undefined }) =>
    texts.map((text) => words.idOf(text));

  test('a dummy prefix is put before a text and taken back when decoding', () => {
    const words = createTokenizer(
      tinyModel(pieces, {
        normalizer: {
          addDummyPrefix: true,
          removeExtraWhitespaces: false,
          escapeWhitespaces: true,
        },
      }),
    );
    const ids = [...words.encode('a  b')];
    expect(ids).toEqual(idsOf(['▁a', '▁', '▁b'], words));
    expect(words.decode(ids)).toBe('a  b');
    expect([...words.encode('')]).toEqual([]);
    const stream = words.createTextStream();
    expect([1, ...ids].map((id) => stream.push(id))).toEqual(['', 'a', ' ', ' b']);
  });

  test('extra white space is removed', () => {
    const words = createTokenizer(
      tinyModel(pieces, {
        normalizer: { addDummyPrefix: true, removeExtraWhitespaces: true, escapeWhitespaces: true },
      }),
    );
    expect([...words.encode('  a   b  ')]).toEqual(idsOf(['▁a', '▁b'], words));
    expect([...words.encode('   ')]).toEqual([]);
    expect([...words.encode('▁a ▁')]).toEqual(idsOf(['▁', '▁a'], words));
  });

  test('spaces stay spaces when the model does not escape them', () => {
    const words = createTokenizer(
      tinyModel(['a', ' ', ' a'], {
        normalizer: {
          addDummyPrefix: false,
          removeExtraWhitespaces: false,
          escapeWhitespaces: false,
        },
      }),
    );
    expect([...words.encode('a a')]).toEqual(idsOf(['a', ' a'], words));
  });
});

test('decoding an id outside the vocabulary names the range', () => {
  expect(() => tokenizer.decode([92544])).toThrow(
    'there is no piece 92544, ids go from 0 to 92543',
  );
});

test('settings that cannot be honoured are refused', () => {
  expect(() => encode('a', 'yes' as ParseSpecial)).toThrow('parseSpecial is yes, not none');
  const spans: TextSpan[] = [{ text: 'a', parseSpecial: 'none' }];
  expect(() => tokenizer.encode(spans, { parseSpecial: 'all' })).toThrow(TypeError);
  const endless = createTokenizer(tinyModel(['a'], { beginId: -1 }));
  expect(() => endless.encode('a', { addBos: true })).toThrow('no piece that begins a text');
});
