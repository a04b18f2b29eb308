import {
  type AdapterName,
  type GenerationEvent,
  generate,
  type Prompt,
  type PromptChunk,
} from '@lingbi/core';
import {
  createTurnEndCutter,
  type Tokenizer,
  type Prompt as WrittenPrompt,
} from '@lingbi/tokenizer';
import {
  chatPreset,
  createResizer,
  type Preset,
  type ReadOptions,
  readPicture,
  type TiledPicture,
  tilePicture,
} from '@lingbi/vision';
import { requireKnownOptions } from '../known-options.ts';
import type { Model } from '../model/open-model.ts';
import { UnsupportedSettingError } from './errors.ts';
import { generateOptions } from './generate-options.ts';
import { turnStop } from './generation-settings.ts';
import type { WriteRequest, Writer, WriterEvent, WriterWarning } from './writer.ts';
import { writerPrompt } from './writer-prompt.ts';

export interface ModelWriterOptions {
  /**
   * What happens when the checkpoint lacks what a recipe asks for, such as the web adapter: `refuse`
   * throws, `adapt` does without and warns. Default `refuse`.
   */
  readonly unsupported?: 'refuse' | 'adapt';
  /** How pictures are read: limits, web access, orientation. */
  readonly reading?: Omit<ReadOptions, 'signal'>;
}

/** Writes with an open checkpoint. Each request is read anew; the model stays the caller's. */
export function modelWriter(model: Model, options: ModelWriterOptions = {}): Writer {
  requireKnownOptions('modelWriter', options, ['unsupported', 'reading']);
  return { write: (request) => write(model, options, request) };
}

async function* write(
  model: Model,
  { unsupported = 'refuse', reading }: ModelWriterOptions,
  request: WriteRequest,
): AsyncGenerator<WriterEvent> {
  const { tokenizer, xcomposer } = model;
  const { signal, settings } = request;
  const adapter = adapterFor(model, request, unsupported);
  if (adapter.warning) yield adapter.warning;
  const pictures = await readAndTile(model, request, { ...reading, ...(signal && { signal }) });
  const prompt = writerPrompt(
    tokenizer,
    request,
    pictures.map(({ plan }) => plan.tokens),
  );
  for (const { message } of prompt.warnings) yield { type: 'warning', message };
  const options = generateOptions(settings, tokenizer, prompt.length);
  using sequence = xcomposer.openSequence({
    capacity: prompt.length + options.maxNewTokens,
    slots: settings.beams,
    adapter: adapter.name,
  });
  const events = generate(sequence, chunksOf(prompt, pictures), {
    ...options,
    ...(signal && { signal }),
  });
  yield* writerEvents(events, tokenizer, prompt, endsAtTurn(request));
}

/** The task adapter, or the base model and a warning where that is allowed. */
function adapterFor(
  { xcomposer }: Model,
  { adapter = 'base' }: WriteRequest,
  unsupported: 'refuse' | 'adapt',
): { readonly name: AdapterName; readonly warning?: WriterWarning } {
  if (xcomposer.adapters.includes(adapter)) return { name: adapter };
  const detail = `this checkpoint has no "${adapter}" adapter (it has ${xcomposer.adapters.join(', ')})`;
  if (unsupported === 'refuse') throw new UnsupportedSettingError('adapter', adapter, detail);
  const message = `Writing without it: ${detail}; the base model is visibly weaker at this`;
  return { name: 'base', warning: { type: 'warning', message } };
}

async function readAndTile(
  { xcomposer }: Model,
  { images = [], tiling = chatPreset(images.length) }: WriteRequest,
  reading: ReadOptions,
): Promise<readonly TiledPicture[]> {
  if (images.length === 0) return [];
  const { tileSize, patchSize } = xcomposer.tower;
  const preset: Preset = { ...tiling, tileSize, patchSize };
  if (preset.kind === 'square') {
    const detail = 'this model reads tiles that keep the proportions; take a preset of kind "hd"';
    throw new UnsupportedSettingError('tiling', tiling, detail);
  }
  const resizer = createResizer();
  const pictures: TiledPicture[] = [];
  for (const image of images) {
    pictures.push(tilePicture(await readPicture(image, reading), preset, { resizer }));
  }
  return pictures;
}

/** The prompt's segments up to its length: a truncated one may end in the middle of a picture. */
function chunksOf({ segments, length }: WrittenPrompt, pictures: readonly TiledPicture[]): Prompt {
  return segments.flatMap((segment): PromptChunk[] => {
    const kept = Math.min(segment.length, length - segment.start);
    if (kept <= 0) return [];
    if (segment.type === 'text') return [{ type: 'text', ids: segment.ids.subarray(0, kept) }];
    return [{ type: 'image', image: pictures[segment.image]!, tokens: kept }];
  });
}

/** Without the turn's mark among the stops, what is written after it belongs to the text. */
function endsAtTurn({ settings }: WriteRequest): boolean {
  return settings.stop.includes(turnStop[1]!);
}

async function* writerEvents(
  events: AsyncIterable<GenerationEvent>,
  tokenizer: Tokenizer,
  prompt: WrittenPrompt,
  cut: boolean,
): AsyncGenerator<WriterEvent> {
  const writer = createTextWriter(tokenizer, cut);
  for await (const event of events) {
    switch (event.type) {
      case 'prompt-progress':
        yield event;
        break;
      case 'beam-progress':
        yield { type: 'draft', text: textOf(tokenizer, event.tokens, cut) };
        break;
      case 'token':
        yield* textEvent(writer.push(event.token));
        break;
      case 'generation-end': {
        yield* textEvent(writer.end());
        const { promptTokens, cachedTokens, newTokens } = event;
        const imageTokens = prompt.imageSpans.reduce((sum, [, length]) => sum + length, 0);
        const usage = { promptTokens, cachedTokens, imageTokens, newTokens };
        const reason = event.reason === 'max-tokens' ? 'length' : 'stop';
        yield { type: 'end', text: writer.text, reason, usage };
        break;
      }
      default:
        throw event satisfies never;
    }
  }
}

function* textEvent(text: string): Generator<WriterEvent> {
  if (text !== '') yield { type: 'text', text };
}

function textOf(tokenizer: Tokenizer, tokens: readonly number[], cut: boolean): string {
  const writer = createTextWriter(tokenizer, cut);
  for (const token of tokens) writer.push(token);
  writer.end();
  return writer.text;
}

/** Tokens to text whole to the character, up to the mark that closes the turn when `cut` says so. */
function createTextWriter(tokenizer: Tokenizer, cut: boolean) {
  const characters = tokenizer.createTextStream();
  const turn = cut ? createTurnEndCutter() : { push: (text: string) => text, end: () => '' };
  let text = '';
  const write = (part: string) => {
    text += part;
    return part;
  };
  return {
    get text() {
      return text;
    },
    push: (token: number) => write(turn.push(characters.push(token))),
    end: () => write(turn.push(characters.end()) + turn.end()),
  };
}
