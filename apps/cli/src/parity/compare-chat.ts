/** A recorded conversation, from its words to the tokens of the answer. */
import {
  type AdapterName,
  finishPrefill,
  generate,
  likeliest,
  type Prompt,
  relativeError,
  type Sequence,
  type XComposer,
} from '@lingbi/core';
import { type PreparedPrompt, preparePrompt } from '@lingbi/tasks';
import { cutAtTurnEnd, type Tokenizer } from '@lingbi/tokenizer';
import type { TiledPicture } from '@lingbi/vision';
import { compareGeneration, mostBeams } from './compare-generation.ts';
import { comparePictures } from './compare-pictures.ts';
import type { Findings } from './findings.ts';
import type { ChatCase, GoldenTensors, LoadedCase } from './golden-case.ts';
import type { ParityModel } from './parity-model.ts';

export interface CompareOptions {
  readonly data: string;
  /** Allowed difference of logits, relative to the largest recorded one. */
  readonly tolerance: number;
  /** Beams, penalties and draws as well, which take some 400 runs a case. Default true. */
  readonly searches?: boolean;
}

export async function compareChat(
  model: ParityModel,
  loaded: LoadedCase & { readonly golden: ChatCase },
  { data, tolerance, searches = true }: CompareOptions,
  findings: Findings,
): Promise<void> {
  const { golden, tensors, file } = loaded;
  const { xcomposer } = model;
  const pictures = await comparePictures({ golden, file, data, tensors, xcomposer }, findings);
  const prompt = preparePrompt(model.tokenizer, pictures, promptRequest(golden));
  comparePrompt(prompt, golden, findings);
  await compareRows(model.xcomposer, pictures, loaded, tolerance, findings);
  using sequence = model.xcomposer.openSequence({
    capacity: golden.prompt_length + golden.greedy24.ids.length,
    slots: mostBeams(golden),
    adapter: golden.inputs.infer_mode,
  });
  await compareAnswer(model, sequence, prompt.chunks, loaded, tolerance, findings);
  if (searches) await compareGeneration(sequence, prompt.chunks, golden, findings);
  else findings.notCompared.push('beams, penalties and draws');
  await compareOtherModes(model.xcomposer, prompt.chunks, golden, tolerance, findings);
}

/**
 * As the reference is called: placeholders, overflow and markers behave as they do upstream. Only
 * its path for pictures cuts a long prompt.
 */
function promptRequest({ inputs }: ChatCase): Parameters<typeof preparePrompt>[2] {
  const nullImage = inputs.images === null;
  return {
    query: inputs.query,
    history: inputs.history.map(([query, answer]) => ({ query, answer })),
    meta: inputs.meta_instruction,
    maxLength: nullImage ? Number.MAX_SAFE_INTEGER : inputs.max_length,
    placeholders: 'compat',
    overflow: 'truncate',
    parseSpecial: 'all',
    nullImage,
  };
}

function comparePrompt({ written }: PreparedPrompt, golden: ChatCase, findings: Findings): void {
  const segments = written.segments.map((segment) =>
    segment.type === 'text' ? { ...segment, ids: [...segment.ids] } : segment,
  );
  const imagePositions = written.imageSpans.reduce((sum, [, length]) => sum + length, 0);
  findings.equal('prompt text', written.text, golden.prompt);
  findings.equal('token ids and places', segments.map(inOrder), golden.segments.map(inOrder));
  findings.equal(
    'lengths',
    [written.length, written.untruncatedLength, imagePositions],
    [golden.prompt_length, golden.untruncated_length ?? golden.prompt_length, golden.im_mask_ones],
    `${written.length}`,
  );
}

/** Fields in one order, so that plain comparison works. */
function inOrder({ type, text, ids, image, start, length }: ChatCase['segments'][number]): object {
  return type === 'text' ? { type, text, ids, start, length } : { type, image, start, length };
}

/** Rows of the pictures behind the projector, where the recording sampled them. */
async function compareRows(
  xcomposer: XComposer,
  pictures: readonly TiledPicture[],
  { golden, tensors }: LoadedCase & { readonly golden: ChatCase },
  tolerance: number,
  findings: Findings,
): Promise<void> {
  for (const [index, picture] of pictures.entries()) {
    const recorded = await tensors.read(`image${index}.projected.rows`);
    const mean = await tensors.read(`image${index}.projected.mean`);
    if (!recorded || !mean) continue;
    const { data, shape } = await xcomposer.encodeImage(picture);
    const [length, width] = shape as [number, number];
    const rows = golden.images[index]!.projected_rows;
    const found = rows.flatMap((row) => [...data.subarray(row * width, (row + 1) * width)]);
    findings.close(`rows of picture ${index}`, found, recorded, tolerance);
    findings.close(`mean of picture ${index}`, columnMeans(data, length, width), mean, tolerance);
  }
}

function columnMeans(data: ArrayLike<number>, rows: number, width: number): Float64Array {
  const sums = new Float64Array(width);
  for (let i = 0; i < rows * width; i++) sums[i % width]! += data[i]!;
  return sums.map((sum) => sum / rows);
}

async function compareAnswer(
  { tokenizer }: ParityModel,
  sequence: Sequence,
  prompt: Prompt,
  { golden, tensors }: LoadedCase & { readonly golden: ChatCase },
  tolerance: number,
  findings: Findings,
): Promise<void> {
  const logits = await finishPrefill(sequence.prefill(prompt));
  const recorded = await tensors.read('logits');
  if (recorded) findings.close('logits', logits, recorded, tolerance);
  const { ids, logits: top } = golden.top10;
  findings.close(
    'top 10',
    ids.map((id) => logits[id]!),
    top,
    tolerance,
  );
  await compareGreedy(sequence, logits, golden, tensors, tolerance, findings);
  await compareStops(sequence, prompt, tokenizer, golden, findings);
}

/** Greedy decoding without any end, and the logits of each step. */
async function compareGreedy(
  sequence: Sequence,
  first: Float32Array,
  { greedy24 }: ChatCase,
  tensors: GoldenTensors,
  tolerance: number,
  findings: Findings,
): Promise<void> {
  const heads = await tensors.read('greedy.step_logits.first256');
  const chosen = await tensors.read('greedy.step_logits.chosen');
  const found: number[] = [];
  let [logits, worst] = [first, 0];
  for (let step = 0; step < greedy24.ids.length; step++) {
    if (step > 0) logits = await sequence.feed(found.at(-1)!);
    found.push(likeliest(logits));
    if (!heads || !chosen) continue;
    const sample = [...logits.subarray(0, 256), logits[greedy24.ids[step]!]!];
    const recorded = [...heads.subarray(step * 256, (step + 1) * 256), chosen[step]!];
    worst = Math.max(worst, relativeError(sample, recorded));
  }
  findings.tokens('greedy tokens', found, greedy24.ids);
  if (heads) findings.within('logits of every step', worst, tolerance);
}

/** Answers that end by themselves, on the same sequence: what it holds of the prompt is reused. */
async function compareStops(
  sequence: Sequence,
  prompt: Prompt,
  tokenizer: Tokenizer,
  { chat_greedy, custom_stop }: ChatCase,
  findings: Findings,
): Promise<void> {
  const chat = await write(sequence, prompt, chat_greedy.eos_ids, chat_greedy.max_new_tokens);
  findings.tokens('answer', chat.ids, chat_greedy.ids);
  findings.equal('end', chat.reason, chat_greedy.finish, chat.reason);
  const response = cutAtTurnEnd(tokenizer.decode(chat.ids));
  findings.equal('text', asRecorded(response), asRecorded(chat_greedy.response));
  if (!custom_stop) return;
  const custom = await write(sequence, prompt, custom_stop.eos_ids, custom_stop.greedy.length);
  findings.tokens('answer with other ends', custom.ids, custom_stop.greedy);
}

async function write(
  sequence: Sequence,
  prompt: Prompt,
  ends: readonly number[],
  maxNewTokens: number,
): Promise<{ ids: number[]; reason: string }> {
  const ids: number[] = [];
  let reason = '';
  for await (const event of generate(sequence, prompt, {
    stopTokens: new Set(ends),
    maxNewTokens,
  })) {
    if (event.type === 'token') ids.push(event.token);
    if (event.type === 'generation-end') reason = event.reason;
  }
  return { ids, reason: reason === 'stop-token' ? 'stop' : 'length' };
}

/**
 * The recording removed spaces before punctuation, as the published wrapper does when nothing says
 * otherwise; a text of ours keeps what the model wrote.
 */
function asRecorded(text: string): string {
  return text.replaceAll(/ ([.?!,])/g, '$1').replaceAll(/ ('|n't|'m|'s|'ve|'re)/g, '$1');
}

async function compareOtherModes(
  xcomposer: XComposer,
  prompt: Prompt,
  golden: ChatCase,
  tolerance: number,
  findings: Findings,
): Promise<void> {
  for (const [mode, { ids, logits: recorded }] of Object.entries(golden.other_modes_top5 ?? {})) {
    const adapter = mode as AdapterName;
    using sequence = xcomposer.openSequence({ capacity: golden.prompt_length, adapter });
    const logits = await finishPrefill(sequence.prefill(prompt));
    const found = ids.map((id) => logits[id]!);
    findings.close(`mode ${mode}`, found, recorded, tolerance);
  }
}
