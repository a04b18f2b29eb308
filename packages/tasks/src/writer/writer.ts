import type { AdapterName, PromptProgress } from '@lingbi/core';
import type { ChatTurn, OverflowPolicy, PlaceholderPolicy, TextSpan } from '@lingbi/tokenizer';
import type { PictureSource, Preset } from '@lingbi/vision';
import type { FinishReason, Usage } from '../chat/events.ts';
import type { GenerationSettings } from './generation-settings.ts';

/** A prompt in the model's chat template. `<ImageHere>` in its texts are places of pictures. */
export interface ChatPrompt {
  readonly format: 'chat';
  readonly query: string;
  /** Earlier turns, oldest first; their pictures come first in `images`. */
  readonly history?: readonly ChatTurn[];
  /** System text. Default: none. */
  readonly meta?: string;
  /** What the answer begins with: the model goes on from there. The answer's text is without it. */
  readonly answerStart?: string;
}

/** A prompt in a template of its own, as the 1.0 models have it. Outside text stays untrusted. */
export interface RawPrompt {
  readonly format: 'raw';
  readonly spans: readonly TextSpan[];
}

export type WriterPrompt = ChatPrompt | RawPrompt;

export interface WriteRequest {
  readonly prompt: WriterPrompt;
  /** Pictures of all turns, in the order of their places. */
  readonly images?: readonly PictureSource[];
  /** How pictures become tiles. Default: as in `chat()`, by how many there are. */
  readonly tiling?: Preset;
  /** What becomes of pictures without a place. Default `auto`. */
  readonly placeholders?: PlaceholderPolicy;
  /** What becomes of a prompt over `settings.maxPromptTokens`. Default `throw`. */
  readonly overflow?: OverflowPolicy;
  /** Default `base`. */
  readonly adapter?: AdapterName;
  readonly settings: GenerationSettings;
  readonly signal?: AbortSignal;
}

/** Something that was done otherwise than asked. */
export interface WriterWarning {
  readonly type: 'warning';
  readonly message: string;
}

/** In order: warnings and progress, then drafts, then texts, then one end. */
export type WriterEvent =
  | PromptProgress
  | WriterWarning
  /** With beams: the whole of the best answer so far; the next draft may be another one. */
  | { readonly type: 'draft'; readonly text: string }
  /** New text, never half a character. */
  | { readonly type: 'text'; readonly text: string }
  | {
      readonly type: 'end';
      /** The texts joined. */
      readonly text: string;
      readonly reason: FinishReason;
      /** What it cost, where the engine counts. */
      readonly usage?: Usage;
    };

/**
 * Writes an answer to one prompt. Knows nothing of recipes, and keeps nothing between requests;
 * every request can be sent to another engine.
 */
export interface Writer {
  write(request: WriteRequest): AsyncIterable<WriterEvent>;
}

/** What recipes tell while they work: which step, and what its writer says. */
export type StepListener<Step extends string> = (
  event: WriterEvent & { readonly step: Step },
) => void;
