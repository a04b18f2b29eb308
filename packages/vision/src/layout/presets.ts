import type { Filter } from '../resize/taps.ts';

/** Cuts a picture into tiles that keep its proportions (spec PREPROCESS §2, §3). */
export interface HdPreset {
  readonly kind: 'hd';
  /** The most tiles that the canvas may have. */
  readonly hdNum: number;
  /**
   * A picture is enlarged to at most the tiles it covers when its own width is multiplied by this;
   * `'none'` always fills `hdNum`.
   */
  readonly enlargement: number | 'none';
  /** Where the white goes: all at the end, or half before and half after. */
  readonly padding: 'end' | 'centred';
  readonly tileSize: number;
  readonly patchSize: number;
}

/** Squeezes a picture into one square, whatever its proportions (spec ZOO §4). */
export interface SquarePreset {
  readonly kind: 'square';
  readonly filter: Filter;
  readonly tileSize: number;
  readonly patchSize: number;
}

/** Makes the composite of a video a strip one tile wide (spec PREPROCESS §6.3). */
export interface StripPreset {
  readonly kind: 'strip';
  readonly tileSize: number;
  readonly patchSize: number;
}

/** How a picture becomes tiles. Plain data: `{ ...presets.chat, hdNum: 9 }` is a preset as well. */
export type Preset = HdPreset | SquarePreset | StripPreset;

/** InternLM-XComposer-2.5: CLIP ViT-L/14 at 560 pixels. */
const xcomposer25 = { kind: 'hd', tileSize: 560, patchSize: 14 } as const;

const chat: HdPreset = { ...xcomposer25, hdNum: 24, enlargement: 1, padding: 'end' };
const finetune: HdPreset = { ...xcomposer25, hdNum: 18, enlargement: 1.5, padding: 'centred' };

/** The transforms of the model family (spec PREPROCESS §3, ZOO §3 and §4). */
export const presets: Presets = {
  chat,
  severalPictures: { ...chat, hdNum: 6 },
  encode: { ...chat, hdNum: 25 },
  finetune,
  gradioSeveralPictures: { ...finetune, hdNum: 4, enlargement: 'none' },
  vlmEvalKit: { ...finetune, hdNum: 36 },
  vlmEvalKitRealWorld: { ...finetune, hdNum: 25 },
  fourKhd: {
    kind: 'hd',
    hdNum: 25,
    enlargement: 'none',
    padding: 'centred',
    tileSize: 336,
    patchSize: 14,
  },
  square490: { kind: 'square', filter: 'bicubic', tileSize: 490, patchSize: 14 },
  square224: { kind: 'square', filter: 'bicubic', tileSize: 224, patchSize: 14 },
  videoStrip: { kind: 'strip', tileSize: 560, patchSize: 14 },
};

/** What `presets` holds. */
export interface Presets {
  /** `chat()` with one picture; web pages and articles too. */
  readonly chat: HdPreset;
  /** `chat()` with two pictures or more. */
  readonly severalPictures: HdPreset;
  /** A picture encoded outside of a chat. */
  readonly encode: HdPreset;
  /** Finetuning, and the demo with one picture. */
  readonly finetune: HdPreset;
  /** The demo with several pictures. */
  readonly gradioSeveralPictures: HdPreset;
  /** VLMEvalKit with one picture; see `vlmEvalKitPreset` for several. */
  readonly vlmEvalKit: HdPreset;
  /** VLMEvalKit on MME-RealWorld. */
  readonly vlmEvalKitRealWorld: HdPreset;
  /** InternLM-XComposer2-4KHD. Its README asks for `hdNum: 55`, its benchmarks for 16 to 65. */
  readonly fourKhd: HdPreset;
  /** InternLM-XComposer2-VL-7B. */
  readonly square490: SquarePreset;
  /** InternLM-XComposer2-7B and 1.0. */
  readonly square224: SquarePreset;
  /** The composite of a video's frames in `chat()`. */
  readonly videoStrip: StripPreset;
}

/** What `chat()` does with each of so many entries of its image list, a video counting as one. */
export function chatPreset(pictures: number): HdPreset {
  return pictures > 1 ? presets.severalPictures : presets.chat;
}

/** What VLMEvalKit does with each of so many pictures: they share the tiles of one, but get at least 4. */
export function vlmEvalKitPreset(pictures: number): HdPreset {
  const { vlmEvalKit } = presets;
  if (pictures <= 1) return vlmEvalKit;
  const share = Math.max(1, Math.floor(vlmEvalKit.hdNum / pictures));
  return { ...vlmEvalKit, hdNum: Math.max(4, Math.floor(share / pictures)) };
}
