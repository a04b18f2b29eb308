import { beforeAll, describe, expect, test } from 'vitest';
import { UnsupportedSchemaError } from './errors.ts';
import { createGrammars, type Grammars } from './grammars.ts';
import type { ResponseFormat } from './response-format.ts';

const bytes = Array.from({ length: 256 }, (_, value) => {
  return `<0x${value.toString(16).toUpperCase().padStart(2, '0')}>`;
});
const words = ['▁', '▁yes', 'yes', 'no', '{"', '":', '中', '文', 'ab', '▁"'];
/** `<s>` and a marker never come; `</s>` ends. */
const pieces = [undefined, undefined, undefined, ...bytes, ...words];
const idOf = (piece: string) => pieces.indexOf(piece);
const STOP = 2;

let grammars: Grammars;
beforeAll(async () => {
  grammars = await createGrammars({
    ...{ pieces, size: pieces.length + 5, stopTokens: [STOP], losesFirstSpace: true },
  });
});

/** The pieces that may come after the given ones. */
async function next(format: ResponseFormat, ...before: string[]): Promise<string[]> {
  using constraint = await grammars.constrain(format);
  for (const piece of before) constraint.accept(idOf(piece));
  const scores = new Float32Array(pieces.length + 5);
  await constraint.ban(scores);
  return [...scores.keys()]
    .filter((id) => scores[id]! > -Infinity)
    .map((id) => (id === STOP ? 'STOP' : (pieces[id] ?? `#${id}`)));
}

/** Whether a text, byte by byte, is a whole answer. */
async function accepts(format: ResponseFormat, text: string): Promise<boolean> {
  using constraint = await grammars.constrain(format);
  const scores = new Float32Array(pieces.length + 5);
  for (const byte of new TextEncoder().encode(text)) {
    await constraint.ban(scores.fill(0));
    if (scores[3 + byte] === -Infinity) return false;
    constraint.accept(3 + byte);
  }
  await constraint.ban(scores.fill(0));
  return scores[STOP]! > -Infinity;
}

const json = (schema: Record<string, unknown>): ResponseFormat => ({ type: 'json', schema });

describe('which tokens may come', () => {
  const yesOrNo: ResponseFormat = { type: 'regex', pattern: 'yes|no' };

  test('pieces and bytes that continue the text', async () => {
    expect(await next(yesOrNo)).toEqual(['<0x6E>', '<0x79>', 'yes', 'no']);
    expect(await next(yesOrNo, '<0x79>')).toEqual(['<0x65>']);
  });

  test('once it is complete only what ends it', async () => {
    expect(await next(yesOrNo, 'no')).toEqual(['STOP']);
  });

  test('a space that would be lost at the start does not come there', async () => {
    const spaced: ResponseFormat = { type: 'regex', pattern: ' ?yes' };
    expect(await next(spaced)).toEqual(['<0x79>', 'yes']);
    expect(await next({ type: 'regex', pattern: 'ab ?yes' }, 'ab')).toContain('▁yes');
  });

  test('characters may come as pieces, or byte by byte', async () => {
    const format: ResponseFormat = { type: 'grammar', grammar: 'root ::= [^ -~]{1,2}' };
    expect(await next(format)).toEqual(expect.arrayContaining(['中', '文', '<0xE4>']));
    expect(await next(format)).not.toContain('no');
    expect(await next(format, '<0xE4>', '<0xB8>', '<0xAD>')).toContain('文');
    expect(await accepts(format, '中文')).toBe(true);
    expect(await accepts(format, '中文中')).toBe(false);
  });

  test('a token that may not come is refused', async () => {
    using constraint = await grammars.constrain(yesOrNo);
    expect(() => constraint.accept(idOf('ab'))).toThrow('does not continue an answer');
  });
});

describe('JSON schemas', () => {
  // The engine alone gets bounds on one side wrong, such as 1 for { minimum: 3 }.
  test.each([
    [{ minimum: 3 }, [3, 4, 12, 999], [2, 1, 0, -5]],
    [{ maximum: -3 }, [-3, -12], [-2, 0, 3]],
    [{ minimum: -20 }, [-20, -7, 0, 21, 1e9], [-21, -100]],
    [{ exclusiveMinimum: 0, maximum: 255 }, [1, 9, 10, 255], [0, -1, 256, 1000]],
  ])('integers within %j', async (bounds, good, bad) => {
    const format = json({ type: 'integer', ...bounds });
    for (const number of good)
      expect([number, await accepts(format, `${number}`)]).toEqual([number, true]);
    for (const number of bad)
      expect([number, await accepts(format, `${number}`)]).toEqual([number, false]);
  });

  test.each([
    ['escapes', { type: 'string' }, String.raw`"\n\"\\"`, '"\n"'],
    [
      'required properties',
      { type: 'object', properties: { a: { type: 'null' } }, required: ['a'] },
      '{"a": null}',
      '{}',
    ],
    ['no others', { type: 'object', properties: { a: { type: 'null' } } }, '{}', '{"b": null}'],
    [
      'lists',
      { type: 'array', items: { type: 'boolean' }, minItems: 1, maxItems: 2 },
      '[true, false]',
      '[]',
    ],
    ['values', { enum: ['甲', 3, null] }, '"甲"', '"乙"'],
    ['alternatives', { anyOf: [{ type: 'null' }, { const: 'x' }] }, '"x"', '"y"'],
    ['references', { $ref: '#/$defs/n', $defs: { n: { type: 'integer' } } }, '7', '"7"'],
    ['patterns', { type: 'string', pattern: '^[A-Z]{2}-\\d+$' }, '"AB-12"', '"A-12"'],
  ])('%s', async (_, schema, good, bad) => {
    expect([await accepts(json(schema), good), await accepts(json(schema), bad)]).toEqual([
      true,
      false,
    ]);
  });

  test.each([
    [{ type: 'array', uniqueItems: true }, '', 'uniqueItems'],
    [
      { type: 'object', properties: { a: { type: 'number', minimum: 0 } } },
      '/properties/a',
      'minimum',
    ],
    [{ type: 'string', format: 'date' }, '', 'format'],
    [{ type: 'string', pattern: '^a.b$' }, '', 'pattern'],
    [{ type: 'string', pattern: 'ab' }, '', 'pattern'],
    [{ oneOf: [{ type: 'null' }] }, '', 'oneOf'],
    [{ not: {} }, '', 'not'],
    [
      { type: 'object', properties: {}, additionalProperties: { type: 'null' } },
      '',
      'additionalProperties',
    ],
  ])('what the engine would pass over is refused: %j', async (schema, path, keyword) => {
    const error = await grammars.constrain(json(schema)).catch((each) => each);
    expect(error).toBeInstanceOf(UnsupportedSchemaError);
    expect(error).toMatchObject({ path, keyword });
  });
});

describe('what cannot be read says why', () => {
  test.each<[ResponseFormat, string]>([
    [json({ type: 'nonsense' }), 'Unsupported type "nonsense"'],
    [json({ $ref: '#/nowhere' }), 'This JSON schema cannot be followed'],
    [{ type: 'regex', pattern: '[a-z' }, 'This regular expression cannot be followed'],
    [{ type: 'grammar', grammar: 'root ::= missing' }, 'Rule "missing" is not defined'],
    [{ type: 'regex', pattern: '[一-龥]+' }, 'the class [一-龥] names characters beyond ASCII'],
    [{ type: 'grammar', grammar: 'root ::= [\\u4e00-\\u9fa5]' }, 'names characters beyond ASCII'],
    [{ type: 'regex', pattern: '' }, 'it must be a text'],
    [{ type: 'regex', pattern: 'a'.repeat(70_000) }, 'has 70000 characters, and may have 65536'],
  ])('%j', async (format, message) => {
    await expect(grammars.constrain(format)).rejects.toThrow(message);
    expect(await next({ type: 'regex', pattern: 'no' })).toEqual(['<0x6E>', 'no']); // still works
  });
});

test('more formats at once than are kept are all held to', async () => {
  const formats = Array.from({ length: 20 }, (_, i): ResponseFormat => {
    return { type: 'regex', pattern: `no${'!'.repeat(i)}` };
  });
  const begins = await Promise.all(formats.map((format) => next(format)));
  for (const begin of begins) expect(begin).toContain('no');
});
