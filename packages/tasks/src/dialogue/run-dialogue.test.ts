import { expect, test } from 'vitest';
import { scriptedWriter } from '../writer/testing.ts';
import { type DialogueTurn, runDialogue } from './run-dialogue.ts';

const dialogue = {
  id: 'cars',
  image: ['a.png', 'b.png', 'c.png'],
  conversations: [
    { from: 'user', value: 'Image1 <ImageHere>; Image2 <ImageHere>; compare' },
    { from: 'assistant', value: 'recorded' },
    { from: 'user', value: 'And Image3 <ImageHere>?' },
    { from: 'user', value: 'Sure?' },
  ],
} as const;

async function turns(writer: ReturnType<typeof scriptedWriter>, record = dialogue) {
  const all: DialogueTurn[] = [];
  for await (const turn of runDialogue(writer, record)) all.push(turn);
  return all;
}

test('questions are asked one by one, with own answers as history and pictures as they come', async () => {
  const writer = scriptedWriter(['one[UNUSED_TOKEN_145]', 'two', 'three']);
  expect(await turns(writer)).toEqual([
    { question: dialogue.conversations[0].value, answer: 'one', reference: 'recorded' },
    { question: 'And Image3 <ImageHere>?', answer: 'two' },
    { question: 'Sure?', answer: 'three' },
  ]);
  expect(writer.requests.map(({ images }) => images?.length)).toEqual([2, 3, 3]);
  expect(writer.requests[2]!.prompt).toMatchObject({
    query: 'Sure?',
    history: [{ answer: 'one' }, { answer: 'two' }],
  });
});

test('many pictures have fewer tiles each, the same in all turns', async () => {
  const image = Array(12).fill('a.png');
  const value = '<ImageHere>'.repeat(12);
  const writer = scriptedWriter(['one', 'two']);
  const conversations = [
    { from: 'user', value },
    { from: 'user', value: '?' },
  ] as never;
  await turns(writer, { ...dialogue, image: image as never, conversations });
  expect(writer.requests.map(({ tiling }) => tiling)).toEqual([
    expect.objectContaining({ hdNum: 1 }),
    expect.objectContaining({ hdNum: 1 }),
  ]);
});

test('a place without its picture is an error that names the dialogue', async () => {
  const conversations = [{ from: 'user', value: '<ImageHere>'.repeat(4) }] as never;
  await expect(turns(scriptedWriter([]), { ...dialogue, conversations })).rejects.toThrow(
    'Dialogue cars: its questions have places for 4 pictures, but it has 3',
  );
});
