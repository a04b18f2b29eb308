import type { CacheOptions, HostTensor, KvCache, Segment } from '../backend/backend.ts';
import type { RotaryAngles, RotaryPositions } from '../models/internlm2/rotary.ts';
import type { TiledImage } from '../models/tiled-image.ts';

/** What one run reads, all of it text or all of a picture. */
export type DecodeStep = TextStep | ImageStep;

export interface TextStep extends StepPlace {
  readonly kind: 'text';
  /** The new tokens: [tokens]. */
  readonly ids: Int32Array;
}

export interface ImageStep extends StepPlace {
  readonly kind: 'image';
  /** [tokens, hiddenSize] */
  readonly rows: HostTensor;
}

/** Where new tokens go, and the angles of their positions. */
interface StepPlace {
  readonly angles: RotaryAngles;
  readonly cache: KvCache;
  /** Which slots the tokens continue, in their order. */
  readonly segments: readonly Segment[];
  /** Logits that nobody reads any more: those to come may be written over them. */
  readonly spare?: Float32Array | undefined;
  readonly signal?: AbortSignal;
}

/** A picture as the decoder reads it. */
export interface EncodedImage {
  /** [positions, hiddenSize], separators included. */
  readonly rows: HostTensor;
  /** Whether it had been encoded before. */
  readonly known: boolean;
}

/** What a sequence needs of a model in one mode. Knows nothing of prompts or sampling. */
export interface DecoderRuntime {
  /**
   * What keys and values are made with, beside the rotary base: only runtimes with the same one may go
   * on from each other's past. An adapter that was loaded anew has another, whatever its name.
   */
  readonly origin: unknown;
  readonly rotary: RotaryPositions;
  createCache(options: CacheOptions): KvCache;
  encodeImage(image: TiledImage, signal?: AbortSignal): Promise<EncodedImage>;
  /**
   * Appends the tokens to the cache and returns the logits that follow the kept ones of each segment,
   * by default the last: [kept tokens · vocabularySize].
   */
  decode(step: DecodeStep): Promise<Float32Array>;
}
