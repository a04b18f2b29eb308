/** Pictures of a case, from the file to the tiles, each step compared with the recording. */
import type { XComposer } from '@lingbi/core';
import {
  createResizer,
  type Picture,
  presets,
  readPicture,
  type TiledPicture,
  tilePicture,
} from '@lingbi/vision';
import { compareFrames, FRAMES } from './compare-frames.ts';
import type { Findings } from './findings.ts';
import { type ChatCase, type GoldenImage, type GoldenTensors, imagePath } from './golden-case.ts';
import { sha256 } from './sha256.ts';

/** float32 arithmetic in another order: a few units in the last place of numbers up to 3. */
const PIXEL_TOLERANCE = 1e-6;

export interface PictureContext {
  readonly golden: ChatCase;
  readonly file: string;
  /** Where the case's images are looked up. */
  readonly data: string;
  readonly tensors: GoldenTensors;
  readonly xcomposer: XComposer;
}

export async function comparePictures(
  { golden, file, data, tensors, xcomposer }: PictureContext,
  findings: Findings,
): Promise<readonly TiledPicture[]> {
  const images = golden.inputs.images ?? [];
  if (images.length === 0) return [];
  const { tileSize, patchSize } = xcomposer.tower;
  const hdNum = images.length > 1 ? presets.severalPictures.hdNum : golden.inputs.hd_num;
  const preset = { ...presets.chat, tileSize, patchSize, hdNum };
  const resizer = createResizer();
  const tiled: TiledPicture[] = [];
  for (const [index, image] of images.entries()) {
    const recorded = golden.images[index];
    if (image.startsWith(FRAMES)) {
      const strip = { ...presets.videoStrip, tileSize, patchSize };
      tiled.push(await compareFrames(index, image, { file, data, recorded, strip }, findings));
    } else {
      const picture = await readPicture(imagePath(image, file, data));
      tiled.push(tilePicture(picture, preset, { resizer }));
      if (recorded) comparePicture(index, picture, tiled[index]!, recorded, findings);
    }
    await compareGlobalView(index, tiled[index]!, tensors, findings);
  }
  return tiled;
}

function comparePicture(
  index: number,
  picture: Picture,
  { plan, canvas }: TiledPicture,
  recorded: GoldenImage,
  findings: Findings,
): void {
  const found = {
    size: [picture.width, picture.height],
    decoded: sha256(picture),
    transposed: plan.transposed,
    resized: [plan.resized.width, plan.resized.height],
    canvas: [canvas.width, canvas.height],
    grid: { h: plan.grid.rows, w: plan.grid.columns },
    tokens: plan.tokens,
    pixels: sha256(canvas),
  };
  const { size, transposed, resized, canvas: canvasSize, grid, tokens } = recorded;
  const decoded = recorded.decoded_rgb_sha256;
  const pixels = recorded.canvas_sha256;
  findings.equal(
    `picture ${index}`,
    found,
    { size, decoded, transposed, resized, canvas: canvasSize, grid, tokens, pixels },
    `${canvas.width}×${canvas.height} equal`,
  );
}

async function compareGlobalView(
  index: number,
  tiled: TiledPicture,
  tensors: GoldenTensors,
  findings: Findings,
): Promise<void> {
  const first = await tensors.read(`image${index}.global_view.first64`);
  const middle = await tensors.read(`image${index}.global_view.row280`);
  if (!first || !middle) return;
  const view = tiled.globalView();
  const found = [...rowsOf(view, tiled.tileSize, 0, 64), ...rowsOf(view, tiled.tileSize, 280, 560)];
  findings.close(`global view ${index}`, found, [...first, ...middle], PIXEL_TOLERANCE);
}

/** The first numbers of one row of each channel. */
function rowsOf(view: Float32Array, size: number, row: number, length: number): number[] {
  return [0, 1, 2].flatMap((channel) => {
    const start = (channel * size + row) * size;
    return [...view.subarray(start, start + length)];
  });
}
