import {
  type Grid,
  largestThatFits,
  type MemoryPlan,
  type MemoryRequest,
  type PlannedModel,
  type PromptPart,
  planMemory as planParts,
} from '@lingbi/core';
import { planVideo } from '@lingbi/video';
import { chatPreset, planPicture, presets, type Size } from '@lingbi/vision';

/** A video: how many frames are looked at, each of this size in pixels. */
export interface PlannedVideo extends Size {
  readonly frames: number;
}

/** A picture by its size in pixels, a video, or the grid of tiles that either was cut into. */
export type PlannedImage = Size | PlannedVideo | Grid;

/** A turn of a chat, before its pictures are read or its text is tokenized. */
export interface PlanRequest extends Omit<MemoryRequest, 'prompt'> {
  readonly images?: readonly PlannedImage[];
  /** The most tiles of a picture. Default: 24 for one picture, 6 for several. */
  readonly hdNum?: number;
  /** Tokens of all text. Default 64, a question of two sentences. */
  readonly textTokens?: number;
}

/** The same as a list of parts, as `planMemory` of `@lingbi/core` takes it. */
function requestParts(
  { config }: Pick<PlannedModel, 'config'>,
  { images = [], hdNum, textTokens = 64, ...rest }: PlanRequest,
): MemoryRequest {
  const rule = chatPreset(images.length);
  const gridOf = (image: PlannedImage): Grid => {
    if ('rows' in image) return image;
    const { tileSize, patchSize } = config.vision?.tower ?? rule;
    if ('frames' in image) {
      const strip = { ...presets.videoStrip, tileSize, patchSize };
      return planVideo(image, image.frames, strip).strip.grid;
    }
    return planPicture(image, { ...rule, tileSize, patchSize, hdNum: hdNum ?? rule.hdNum }).grid;
  };
  const pictures = images.map((image): PromptPart => ({ type: 'image', grid: gridOf(image) }));
  return { ...rest, prompt: [...pictures, { type: 'text', tokens: textTokens }] };
}

/**
 * What a turn of a chat takes: positions of each picture, keys and values, work, and the most memory at
 * any moment. Give it an open model's `planned`, or what `describeCheckpoint` says of one that is not.
 */
export function planMemory(model: PlannedModel, request: PlanRequest = {}): MemoryPlan {
  return planParts(model, requestParts(model, request));
}

/** The largest values with which a request fits, each with all others as they are; 0 when none does. */
export interface FittingSettings {
  readonly hdNum: number;
  readonly beams: number;
  readonly maxNewTokens: number;
}

/** More than these are never worth it. */
const MOST: FittingSettings = { hdNum: 64, beams: 16, maxNewTokens: 2 ** 18 };

/** What `budget` bytes have room for. */
export function fittingSettings(
  model: PlannedModel,
  request: PlanRequest,
  budget: number,
): FittingSettings {
  const largest = (setting: keyof FittingSettings) =>
    largestThatFits(MOST[setting], (value) => {
      return planMemory(model, { ...request, [setting]: value }).peak <= budget;
    });
  return {
    hdNum: largest('hdNum'),
    beams: largest('beams'),
    maxNewTokens: largest('maxNewTokens'),
  };
}
