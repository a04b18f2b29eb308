import { fileURLToPath } from 'node:url';
import { referenceBackend as backend } from '@lingbi/core';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Model, openModel } from '../model/open-model.ts';
import type { SayOptions } from './chat.ts';

const micro = fileURLToPath(new URL('../../../../fixtures/ixc25-micro', import.meta.url));
let model: Model;
beforeAll(async () => {
  model = await openModel(micro, { backend });
});
afterAll(() => model[Symbol.asyncDispose]());

/** Random weights say anything that they are not kept from. */
async function ask(options: SayOptions) {
  await using chat = model.chat();
  return await chat.ask('Describe it', { maxNewTokens: 120, ...options });
}

const short = { type: 'string', maxLength: 4 };
const schemas = {
  record: {
    type: 'object',
    properties: {
      name: short,
      age: { type: 'integer', minimum: 0, maximum: 120 },
      ok: { type: 'boolean' },
    },
    required: ['name', 'age', 'ok'],
  },
  list: { type: 'array', items: { enum: ['红', '绿', 'blue'] }, minItems: 1, maxItems: 3 },
  nested: {
    type: 'object',
    properties: {
      place: {
        type: 'object',
        properties: { x: { type: 'integer', minimum: 1, maximum: 9 } },
        required: ['x'],
      },
    },
    required: ['place'],
  },
  choice: { anyOf: [short, { type: 'null' }, { const: 7 }] },
} as const;

test.each(Object.entries(schemas))('every drawn answer fits: %s', async (_, schema) => {
  const validate = new Ajv().compile(schema);
  for (const seed of [1, 2, 3]) {
    const sampling = { temperature: 1.5, seed };
    const { text, reason } = await ask({ responseFormat: { type: 'json', schema }, sampling });
    expect(reason).toBe('stop');
    expect([text, validate(JSON.parse(text))]).toEqual([text, true]);
  }
});

test('the likeliest answer to a regular expression, streamed, with a picture', async () => {
  await using chat = model.chat({ hdNum: 1 });
  const pixels = { width: 8, height: 8, channels: 3, data: new Uint8Array(192) } as const;
  let streamed = '';
  const responseFormat = { type: 'regex', pattern: '(yes|no), [0-9]{2}' } as const;
  for await (const event of chat.say('Is it?', { images: [pixels], responseFormat })) {
    if (event.type === 'text') streamed += event.text;
  }
  expect(streamed).toMatch(/^(yes|no), \d{2}$/);
});

test('a stop string may end it earlier', async () => {
  const responseFormat = { type: 'grammar', grammar: 'root ::= "one" ", " "two"' } as const;
  expect((await ask({ responseFormat })).text).toBe('one, two');
  expect(await ask({ responseFormat, stop: [','] })).toMatchObject({
    ...{ text: 'one', reason: 'stop-string' },
  });
});

test('what does not go with it is refused before the model runs', async () => {
  const responseFormat = { type: 'regex', pattern: 'a' } as const;
  await expect(ask({ responseFormat, beams: 2 })).rejects.toThrow(
    'beams: a responseFormat holds one',
  );
  await expect(ask({ responseFormat, minNewTokens: 2 })).rejects.toThrow('decides when');
  const schema = { type: 'string', format: 'date' };
  await expect(ask({ responseFormat: { type: 'json', schema } })).rejects.toThrow(
    '"format" at its root',
  );
});
