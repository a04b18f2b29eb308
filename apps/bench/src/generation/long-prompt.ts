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
const generating: GenerateOptions = { stopTokens: new Set(), maxNewTokens: NEW_TOKENS };

export async function measureLongPrompt(model: XComposer): Promise<Row[]> {
  using sequence = model.openSequence({ capacity: 11_264, slots: BEAMS });
  const question: Prompt = [benchText(1), benchPicture(model), benchText(16)];
  const turns = await measureTurns(sequence, question);
  const again = [...question, benchText(16, 5)];
  const beams = [
    ...(await measureBeamMemory(model, sequence, again)),
    ...(await measureSteps(sequence, again)),
  ];
  sequence[Symbol.dispose]();
  return [...turns, ...beams, ...(await measureAbort(model, question))];
}

/** All that a search adds is counted, a compiled graph and what JavaScript holds included. */
async function measureBeamMemory(
  { config }: XComposer,
  sequence: Sequence,
  prompt: Prompt,
): Promise<Row[]> {
  const { layers, kvHeads, headDim } = config.decoder;
  const held = (sequence.length * layers * 2 * kvHeads * headDim * 4) / 2 ** 20;
  await stepTimes(sequence, prompt, generating);
  const before = await settledMemory();
  await stepTimes(sequence, prompt, { ...generating, beams: BEAMS });
  const added = (await settledMemory()) - before;
  return [
    rowOf('keys and values of the prompt', 'MiB', [held]),
    rowOf(`memory that beams ${BEAMS} add`, 'MiB', [added]),
    rowOf(`beams ${BEAMS} ÷ beams 1, memory of the sequence`, '×', [(held + added) / held]),
  ];
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
  const [single, several]: [number[], number[]] = [[], []];
  for (let round = -1; round < ROUNDS; round++) {
    const one = await stepTimes(sequence, prompt, generating);
    const many = await stepTimes(sequence, prompt, { ...generating, beams: BEAMS });
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
    rowOf('reading 10K positions: a chunk of 256', 'ms', chunks.slice(2)),
    rowOf('aborted in a chunk: returns after', 'ms', [returned]),
    rowOf('aborted and disposed: memory ÷ before', '%', [(100 * after) / before]),
  ];
}
