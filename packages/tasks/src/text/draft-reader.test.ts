import { readFileSync } from 'node:fs';
import { createTokenizer } from '@lingbi/tokenizer';
import { expect, test } from 'vitest';
import { createAnswerWriter } from '../chat/answer-writer.ts';
import { createDraftReader } from './draft-reader.ts';
import { type TextWriter, writeAll } from './text-writer.ts';

const file = new URL('../../../../fixtures/internlm2/tokenizer.model', import.meta.url);
const tokenizer = createTokenizer(readFileSync(file));
const open = () => createAnswerWriter(tokenizer, ['THE END']);
const tokens = [
  ...tokenizer.encode('One fish, two fish 😀 <|im_start|> red fish 🐟🐟. '.repeat(20)),
];

/** How many tokens writers get, all copies included. */
function countingWriters() {
  const count = { tokens: 0 };
  const counted = (writer: TextWriter): TextWriter => ({
    get text() {
      return writer.text;
    },
    push(token) {
      count.tokens++;
      return writer.push(token);
    },
    end: () => writer.end(),
    copy: () => counted(writer.copy()),
  });
  return { count, open: () => counted(open()) };
}

test('drafts that grow, part and shrink read as each of them does alone', () => {
  const end = [...tokenizer.encode(' THE END of it')];
  const drafts = tokens.flatMap((_, length) => {
    const draft = tokens.slice(0, length);
    return [draft, [...draft.slice(0, -3), ...end], draft.slice(0, length / 2)];
  });
  const read = createDraftReader(open);
  expect(drafts.map(read)).toEqual(drafts.map((draft) => writeAll(open(), draft)));
});

test('what a draft and the next one begin with alike is decoded once', () => {
  const { count, open } = countingWriters();
  const read = createDraftReader(open);
  read(tokens.slice(0, 200));
  count.tokens = 0;
  for (let length = 201; length <= 300; length++) read(tokens.slice(0, length));
  expect(count.tokens).toBe(100 * (1 + 64));
});

test('beams that take over from each other decode only their last tokens', () => {
  const { count, open } = countingWriters();
  const read = createDraftReader(open);
  read(tokens.slice(0, 200));
  count.tokens = 0;
  read([...tokens.slice(0, 170), 7, 7, 7]);
  read(tokens.slice(0, 200));
  expect(count.tokens).toBe(37 + 64);
});
