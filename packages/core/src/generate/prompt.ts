import type { TiledImage } from '../models/tiled-image.ts';

/** Text as token ids, or a picture; in the order in which the model reads them. */
export type PromptChunk =
  | { readonly type: 'text'; readonly ids: Int32Array }
  | {
      readonly type: 'image';
      readonly image: TiledImage;
      /** How many of the picture's positions belong to the prompt: all, unless it was cut. */
      readonly tokens: number;
    };

export type Prompt = readonly PromptChunk[];

/** How many positions a prompt takes. */
export function promptLength(prompt: Prompt): number {
  return prompt.reduce((sum, chunk) => sum + chunkLength(chunk), 0);
}

function chunkLength(chunk: PromptChunk): number {
  return chunk.type === 'text' ? chunk.ids.length : chunk.tokens;
}

/** The same prompt with neighbouring texts joined and empty ones dropped. */
export function joinTexts(prompt: Prompt): Prompt {
  const joined: PromptChunk[] = [];
  for (const chunk of prompt) {
    const last = joined.at(-1);
    if (chunkLength(chunk) === 0) continue;
    if (last?.type === 'text' && chunk.type === 'text') {
      joined[joined.length - 1] = { type: 'text', ids: joinIds(last.ids, chunk.ids) };
    } else {
      joined.push(chunk);
    }
  }
  return joined;
}

/** The first `length` positions of a prompt; a picture may be cut in its middle. */
export function cutPrompt(prompt: Prompt, length: number): Prompt {
  let left = length;
  return prompt.flatMap((chunk): PromptChunk[] => {
    const taken = Math.min(left, chunkLength(chunk));
    left -= taken;
    if (taken === 0) return [];
    if (chunk.type === 'image') return [{ ...chunk, tokens: taken }];
    return [{ type: 'text', ids: chunk.ids.subarray(0, taken) }];
  });
}

/** How many positions two prompts share from the start. Pictures are equal when their keys are. */
export function sharedLength(a: Prompt, b: Prompt): number {
  let shared = 0;
  for (const [index, chunk] of a.entries()) {
    const other = b[index];
    const common = other ? sharedInChunk(chunk, other) : 0;
    shared += common;
    if (!other || common < chunkLength(chunk) || common < chunkLength(other)) break;
  }
  return shared;
}

/** A part of a chunk; `from` and `to` count within the chunk. */
export interface PromptSpan {
  readonly chunk: PromptChunk;
  readonly from: number;
  readonly to: number;
}

/** The prompt from position `start` on, in spans of at most `size` positions, never across chunks. */
export function spansFrom(prompt: Prompt, start: number, size: number): PromptSpan[] {
  const spans: PromptSpan[] = [];
  let at = 0;
  for (const chunk of prompt) {
    const length = chunkLength(chunk);
    for (let from = Math.max(0, start - at); from < length; from += size) {
      spans.push({ chunk, from, to: Math.min(length, from + size) });
    }
    at += length;
  }
  return spans;
}

function sharedInChunk(a: PromptChunk, b: PromptChunk): number {
  if (a.type === 'image' && b.type === 'image') {
    return a.image.key === b.image.key ? Math.min(a.tokens, b.tokens) : 0;
  }
  if (a.type !== 'text' || b.type !== 'text') return 0;
  const differs = a.ids.findIndex((id, index) => b.ids[index] !== id);
  return differs < 0 ? a.ids.length : differs;
}

function joinIds(a: Int32Array, b: Int32Array): Int32Array {
  const joined = new Int32Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
