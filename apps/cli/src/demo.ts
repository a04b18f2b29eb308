/**
 * What `npm run demo` shows: questions about pictures, a clip and a screenshot that ship with the
 * project, answered by the tiny checkpoint that ships too, and the page that it writes.
 */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onnx } from '@lingbi/backend-onnx';
import { type Answer, type ImageInput, type Model, openModel, webpage } from '@lingbi/tasks';
import { FfmpegMissingError, findFfmpeg } from '@lingbi/video';
import { showAnswer } from './report/show-answer.ts';

/** What is asked about which files, and what was drawn there. */
interface Question {
  readonly files: readonly string[];
  readonly question: string;
  readonly drawn: string;
}

const fixtures = fileURLToPath(new URL('../../../fixtures', import.meta.url));
const folder = join(fixtures, 'demo');
const questions: Question[] = JSON.parse(await readFile(join(folder, 'questions.json'), 'utf8'));

const start = performance.now();
await using model = await openModel(join(fixtures, 'tiny'), { backend: onnx() });
console.log(`model    tiny, made for lingbi, on ${model.device}; open in ${secondsSince(start)}\n`);
for (const each of questions) await show(model, each);
console.log(
  `All that in ${secondsSince(start)}. The checkpoint has 3 million parameters and knows flat shapes,\n` +
    'short texts and simple pages. How often it is right, README.md says.\n' +
    'With a real one: lingbi chat --model FOLDER --image FILE "What is written here?"',
);

async function show(model: Model, { files, question, drawn }: Question): Promise<void> {
  const paths = files.map((file) => join(folder, file));
  const isPage = drawn.startsWith('<html>');
  const isClip = files[0]!.endsWith('.mp4');
  console.log(`file     ${paths.join('\n         ')}`);
  console.log(`question ${question.replaceAll('<ImageHere>', '(picture)').trim()}`);
  if (isClip && !(await hasFfmpeg())) {
    console.log('left out  videos are read with ffmpeg, and this machine has none\n');
    return;
  }
  const images = paths.map((path): ImageInput => (isClip ? { video: path } : path));
  const answer = await ask(model, question, images, isPage);
  if (isPage) await writePage(answer.text);
  const [found, expected] = [answer.text, drawn].map((text) => text.replaceAll(/\s+/g, ' '));
  console.log(found === expected ? 'as drawn\n' : `drawn was ${expected}\n`);
}

/** Prints the answer as it comes. */
async function ask(
  model: Model,
  question: string,
  images: readonly ImageInput[],
  isPage: boolean,
): Promise<Answer> {
  await using chat = model.chat({ adapter: isPage ? 'web' : 'base' });
  process.stdout.write(isPage ? '' : 'answer   ');
  const answer = await showAnswer(chat.say(question, { images, maxNewTokens: 250 }));
  return answer!;
}

async function writePage(answer: string): Promise<void> {
  if (webpage.checkPage(answer).some(({ type }) => type === 'no-markup')) {
    console.log('page     none: there is no markup in the answer');
    return;
  }
  const html = await webpage.finishPage(answer, { complete: { doctype: true, charset: true } });
  const path = join(tmpdir(), 'lingbi-demo.html');
  await webpage.savePage({ html }, path);
  console.log(`page     ${path}`);
}

async function hasFfmpeg(): Promise<boolean> {
  try {
    await findFfmpeg();
    return true;
  } catch (error) {
    if (error instanceof FfmpegMissingError) return false;
    throw error;
  }
}

function secondsSince(time: number): string {
  return `${((performance.now() - time) / 1000).toFixed(1)} s`;
}
