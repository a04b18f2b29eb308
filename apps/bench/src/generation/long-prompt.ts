/** A picture of 24 tiles, some 10,000 positions: second turns, beams, aborts. */
import {
  finishPrefill,
  type GenerateOptions,
  type GenerationEvent,
  generate,
  type Prompt,
  type Sequence,
  type XComposer,
} from '@lingbi/core';
import { medianOf, type Row, rowOf } from '../bench.ts';
import { benchPicture, benchText, settledMemory } from './bench-model.ts';

const BEAMS = 3;
const NEW_TOKENS = 24;
const ROUNDS = 4;

export async function measureLongPrompt(model: XComposer): Promise<Row[]> {
  const before = await settledMemory();
  const sequence = model.openSequence({ capacity: 11_264, slots: BEAMS });
  const picture = benchPicture(model);
  const question: Prompt = [benchText(1), picture, benchText(16)];
  const turns = await measureTurns(sequence, question);
  const held = (await settledMemory()) - before;
  const steps = await measureSteps(sequence, [...question, benchText(16, 5)]);
  const more = (await settledMemory()) - before - held;
  sequence[Symbol.dispose]();
  const cache = held - rowBytes(model) / 2 ** 20;
  return [
    ...turns,
    rowOf('first turn, keys and values held', 'MiB', [cache]),
    rowOf(`beams ${BEAMS} ÷ beams 1, keys and values`, '×', [(cache + Math.max(0, more)) / cache]),
    ...steps,
    ...(await measureAbort(model, question)),
  ];
}

/** The encoded picture, which stays in its cache. */
function rowBytes({ imageRows }: XComposer): number {
  return imageRows.use.bytes;
}

async function measureTurns(sequence: Sequence, question: Prompt): Promise<Row[]> {
  const first = await timeToFirst(sequence, question);
  const second = await timeToFirst(sequence, [...question, benchText(16, 5)]);
  return [
    rowOf('24 tiles: first turn, time to first token', 'ms', [first]),
    rowOf('24 tiles: second turn, time to first token', 'ms', [second]),
    rowOf('24 tiles: second ÷ first turn', '%', [(100 * second) / first]),
  ];
}

async function timeToFirst(sequence: Sequence, prompt: Prompt): Promise<number> {
  const start = performance.now();
  await finishPrefill(sequence.prefill(prompt));
  return performance.now() - start;
}

/** One beam and several in turns; the prompt is there already. */
async function measureSteps(sequence: Sequence, prompt: Prompt): Promise<Row[]> {
  const options = { stopTokens: new Set<number>(), maxNewTokens: NEW_TOKENS };
  const [single, several]: [number[], number[]] = [[], []];
  for (let round = -1; round < ROUNDS; round++) {
    const one = await stepTimes(sequence, prompt, options);
    const many = await stepTimes(sequence, prompt, { ...options, beams: BEAMS });
    if (round < 0) continue;
    single.push(...one);
    several.push(...many);
  }
  return [
    rowOf('a step after 10K positions, beams 1', 'ms', single),
    rowOf(`a step after 10K positions, beams ${BEAMS}`, 'ms', several),
    rowOf(`beams ${BEAMS} ÷ beams 1, time a step`, '×', [medianOf(several) / medianOf(single)]),
  ];
}

/** Between one token and the next; the first comes out of the prompt. */
async function stepTimes(
  sequence: Sequence,
  prompt: Prompt,
  options: GenerateOptions,
): Promise<number[]> {
  const times: number[] = [];
  let last = 0;
  const isStep = ({ type }: GenerationEvent) =>
    options.beams ? type === 'beam-progress' : type === 'token';
  for await (const event of generate(sequence, prompt, options)) {
    if (!isStep(event)) continue;
    const now = performance.now();
    if (last > 0) times.push(now - last);
    last = now;
  }
  return times.slice(1);
}

/** Aborted in the middle of a chunk: how long until it returns, and what is left behind. */
async function measureAbort(model: XComposer, prompt: Prompt): Promise<Row[]> {
  const before = await settledMemory();
  const sequence = model.openSequence({ capacity: 11_264 });
  const stop = new AbortController();
  const reading = sequence.prefill(prompt, { signal: stop.signal });
  const chunks: number[] = [];
  let last = performance.now();
  for (let chunk = 0; chunk < 6; chunk++) {
    await reading.next();
    chunks.push(performance.now() - last);
    last = performance.now();
  }
  const next = reading.next().catch(() => {});
  setTimeout(() => stop.abort(), medianOf(chunks) / 3);
  await next;
  const returned = performance.now() - last;
  sequence[Symbol.dispose]();
  const after = await settledMemory();
  return [
    rowOf('reading 10K positions: a chunk of 512', 'ms', chunks.slice(2)),
    rowOf('aborted in a chunk: returns after', 'ms', [returned]),
    rowOf('aborted and disposed: memory ÷ before', '%', [(100 * after) / before]),
  ];
}
