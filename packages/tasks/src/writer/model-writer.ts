import { type AdapterName, type GenerationEvent, generate } from '@lingbi/core';
import {
  createTurnEndCutter,
  type Tokenizer,
  type Prompt as WrittenPrompt,
} from '@lingbi/tokenizer';
import type { ReadOptions } from '@lingbi/vision';
import { requireKnownOptions } from '../known-options.ts';
import type { Model } from '../model/open-model.ts';
import { createDraftReader } from '../text/draft-reader.ts';
import { createTextWriter, uncut } from '../text/text-writer.ts';
import { claimAnswer } from './claim-memory.ts';
import { UnsupportedSettingError } from './errors.ts';
import { generateOptions } from './generate-options.ts';
import { turnStop } from './generation-settings.ts';
import { feedOf } from './model-feed.ts';
import type { WriteRequest, Writer, WriterEvent, WriterWarning } from './writer.ts';

export interface ModelWriterOptions {
  /**
   * What happens when the checkpoint lacks what a recipe asks for, such as the web adapter: `refuse`
   * throws, `adapt` does without and warns. Default `refuse`.
   */
  readonly unsupported?: 'refuse' | 'adapt';
  /** How pictures are read: limits, web access, orientation. */
  readonly reading?: Omit<ReadOptions, 'signal'>;
  /**
   * Reads ahead where an answer repeats its prompt, as pages from a résumé do: the same answer, sooner.
   * Requests with beams do without. Default `false`.
   */
  readonly promptLookup?: boolean;
}

/** Writes with an open checkpoint. Each request is read anew; the model stays the caller's. */
export function modelWriter(model: Model, options: ModelWriterOptions = {}): Writer {
  requireKnownOptions('modelWriter', options, ['unsupported', 'reading', 'promptLookup']);
  return { write: (request) => write(model, options, request) };
}

async function* write(
  model: Model,
  { unsupported = 'refuse', reading, promptLookup = false }: ModelWriterOptions,
  request: WriteRequest,
): AsyncGenerator<WriterEvent> {
  const { tokenizer } = model;
  const { signal, settings } = request;
  const adapter = adapterFor(model, request, unsupported);
  if (adapter.warning) yield adapter.warning;
  const feed = await feedOf(model, request, reading);
  const { prompt, chunks } = feed;
  for (const { message } of prompt.warnings) yield { type: 'warning', message };
  const options = generateOptions(request, tokenizer, prompt.length);
  const asked = { settings, adapter: adapter.name };
  const opened = claimAnswer(model, asked, feed, options);
  using _claimed = opened.claimed;
  using sequence = opened.sequence;
  const events = generate(sequence, chunks, {
    ...options,
    promptLookup: promptLookup && settings.beams === 1,
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
  const open = () =>
    createTextWriter(tokenizer.createTextStream(), cut ? createTurnEndCutter() : uncut);
  const writer = open();
  const readDraft = createDraftReader(open);
  for await (const event of events) {
    switch (event.type) {
      case 'prompt-progress':
        yield event;
        break;
      case 'beam-progress':
        yield { type: 'draft', text: readDraft(event.tokens) };
        break;
      case 'token':
        yield* textEvent(writer.push(event.token));
        break;
      case 'generation-end': {
        yield* textEvent(writer.end());
        const { promptTokens, cachedTokens, pictures, newTokens, lookup } = event;
        const imageTokens = prompt.imageSpans.reduce((sum, [, length]) => sum + length, 0);
        const usage = {
          ...{ promptTokens, cachedTokens, pictures, imageTokens, newTokens },
          ...(lookup && { lookup }),
        };
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
