/** Videos of a case: folders of frames, composed into the strip that the model reads. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { composeFrames } from '@lingbi/video';
import { readPicture, type StripPreset, type TiledPicture, tilePicture } from '@lingbi/vision';
import type { Findings } from './findings.ts';
import { type GoldenImage, imagePath } from './golden-case.ts';
import { sha256 } from './sha256.ts';

/** `frames:./dir` is a video by its frames; `frames:./dir#blank` leaves out their labels. */
export const FRAMES = 'frames:';

export interface FramesContext {
  readonly file: string;
  readonly data: string;
  readonly recorded: GoldenImage | undefined;
  readonly strip: StripPreset;
}

export async function compareFrames(
  index: number,
  image: string,
  { file, data, recorded, strip }: FramesContext,
  findings: Findings,
): Promise<TiledPicture> {
  const [path, blank] = image.slice(FRAMES.length).split('#');
  const folder = imagePath(path!, file, data);
  const names = (await readdir(folder)).sort();
  const frames = await Promise.all(names.map((name) => readPicture(join(folder, name))));
  const composite = composeFrames(frames, blank === 'blank' ? { labels: 'none' } : {});
  const tiled = tilePicture(composite, strip);
  const { plan, canvas } = tiled;
  const found = {
    composite: [composite.width, composite.height, sha256(composite)],
    resized: [plan.resized.width, plan.resized.height],
    grid: { h: plan.grid.rows, w: plan.grid.columns },
    tokens: plan.tokens,
    canvas: [canvas.width, canvas.height, sha256(canvas)],
  };
  if (recorded) {
    const figure = `${canvas.width}×${canvas.height} equal`;
    findings.equal(`video ${index}`, found, recordedStrip(recorded), figure);
  }
  return tiled;
}

function recordedStrip(recorded: GoldenImage): object {
  const { composite_size = [], composite_sha256, resized, grid, tokens } = recorded;
  return {
    composite: [...composite_size, composite_sha256],
    resized,
    grid,
    tokens,
    canvas: [...recorded.canvas, recorded.canvas_sha256],
  };
}
