/** What `npm run demo` shows: a question about a shipped picture, answered as the reference answers it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onnx } from '@lingbi/backend-onnx';
import { openModel } from '@lingbi/tasks';
import { showAnswer } from './report/show-answer.ts';

const fixtures = fileURLToPath(new URL('../../../fixtures', import.meta.url));
const picture = join(fixtures, 'goldens/data/images/ixc/cars1.jpg');
const recording = join(fixtures, 'goldens/cases/image-01-small-landscape.json');

const { inputs, chat_greedy: recorded } = JSON.parse(await readFile(recording, 'utf8'));
const start = performance.now();
await using model = await openModel(join(fixtures, 'ixc25-micro'), { backend: onnx() });
console.log(`model    ixc25-micro on ${model.device}, open in ${secondsSince(start)}`);
console.log(`picture  ${picture}`);
console.log(`question ${inputs.query}\n`);

const asked = performance.now();
await using chat = model.chat();
const answer = await showAnswer(
  chat.say(inputs.query, { images: [picture], maxNewTokens: recorded.max_new_tokens }),
);
const { promptTokens, imageTokens, newTokens } = answer!.usage;
console.log(
  `\n${promptTokens} prompt positions, ${imageTokens} of them the picture, and ${newTokens} new tokens in ${secondsSince(asked)}.`,
);
const equal = answer!.text === recorded.response;
console.log(
  `The published PyTorch implementation gives ${equal ? 'the same answer, to the last character' : 'another answer'}.`,
);
console.log(
  'The words mean nothing: the weights of this tiny checkpoint are random, until a trained one ships.\n' +
    'With a real checkpoint: lingbi chat --model FOLDER --image FILE "What is written here?"',
);
if (!equal) process.exitCode = 1;

function secondsSince(time: number): string {
  return `${((performance.now() - time) / 1000).toFixed(1)} s`;
}
