import type { HostTensor, Program } from '../../backend/backend.ts';
import { UnsupportedError } from '../../backend/errors.ts';
import { readOnce } from '../../backend/read-once.ts';
import type { EncodedImage } from '../../generate/decoder-runtime.ts';
import type { TowerConfig } from '../clip/tower.ts';
import type { TiledImage } from '../tiled-image.ts';
import type { XComposerConfig } from './config.ts';
import { encodeTiles, type MakePixels } from './encode-tiles.ts';
import type { GraphName } from './graphs.ts';
import {
  type Grid,
  type ImageLayout,
  imageLayout,
  imageTokens,
  type Placement,
} from './image-rows.ts';
import type { RowCache } from './row-cache.ts';

export interface PictureParts {
  readonly config: XComposerConfig;
  readonly program: Pick<Program<GraphName>, 'run'>;
  /** What ends a line and parts the views: [2, hiddenSize]. None when the checkpoint reads only text. */
  readonly separators: HostTensor | undefined;
  readonly cache: RowCache;
}

/** Pictures as the decoder reads them: rows of the vision tower's, and separators between. */
export class PictureEncoder {
  constructor(readonly parts: PictureParts) {}

  /** @throws UnsupportedError when the checkpoint reads only text. */
  get tower(): TowerConfig {
    const { vision } = this.parts.config;
    if (vision) return vision.tower;
    throw new UnsupportedError(
      'This checkpoint reads only text: it holds no vision tower. Open one of InternLM-XComposer to show it pictures',
    );
  }

  get cellsPerSide(): number {
    return this.tower.tileSize / this.tower.patchSize / 2;
  }

  imageTokens(grid: Grid): number {
    return imageTokens(grid, this.cellsPerSide);
  }

  /** Encodes a picture unless its rows are there, or on their way. */
  async encode(image: TiledImage, signal?: AbortSignal): Promise<EncodedImage> {
    let known = true;
    const encode = (anybody: AbortSignal) => {
      known = false;
      return this.#encode(image, anybody);
    };
    const rows = await this.parts.cache.rows(image.key, encode, signal);
    return { rows, known };
  }

  /** The same with other separators in a copy: what the tower makes of a picture is the same for all. */
  async encodeWith(
    separators: HostTensor,
    image: TiledImage,
    signal?: AbortSignal,
  ): Promise<EncodedImage> {
    const { rows, known } = await this.encode(image, signal);
    const data = rows.data.slice() as Float32Array;
    placeSeparators(data, separators, imageLayout(image.grid, this.cellsPerSide));
    return { rows: { ...rows, data }, known };
  }

  async #encode(image: TiledImage, signal?: AbortSignal): Promise<HostTensor> {
    const { config, separators } = this.parts;
    const layout = imageLayout(image.grid, this.cellsPerSide);
    const width = config.decoder.hiddenSize;
    const data = new Float32Array(layout.length * width);
    placeSeparators(data, separators!, layout);
    const tiles = [...tilesOf(image, layout)];
    const making = tiles.map(({ pixels }) => pixels);
    let at = 0;
    for await (const rows of encodeTiles(making, (pixels) => this.#encodeTile(pixels, signal))) {
      place(data, rows, tiles[at++]!.placements);
    }
    return { dtype: 'float32', shape: [layout.length, width], data };
  }

  async #encodeTile(pixels: Float32Array, signal?: AbortSignal): Promise<HostTensor> {
    const { tileSize } = this.tower;
    const input = { dtype: 'float32', shape: [3, tileSize, tileSize], data: pixels } as const;
    const { rows } = await this.parts.program.run(
      'vision',
      { pixels: input },
      signal && { signal },
    );
    return readOnce(rows!);
  }
}

/** The vectors that end a line and part the views, as the decoder sees them: [2, hiddenSize]. */
export async function projectSeparators(
  program: Pick<Program<GraphName>, 'run'>,
  cells: HostTensor,
  signal: AbortSignal | undefined,
): Promise<HostTensor> {
  const { rows } = await program.run('project', { cells }, signal && { signal });
  return readOnce(rows!);
}

interface PlacedTile {
  readonly pixels: MakePixels;
  readonly placements: readonly Placement[];
}

/** The global view, then the tiles row by row; their pixels are made when they are asked for. */
function* tilesOf(image: TiledImage, layout: ImageLayout): Generator<PlacedTile> {
  yield { pixels: () => image.globalView(), placements: layout.globalView() };
  for (let row = 0; row < image.grid.rows; row++) {
    for (let column = 0; column < image.grid.columns; column++) {
      const placements = layout.tile(row, column);
      yield { pixels: () => image.tile(row, column), placements };
    }
  }
}

function placeSeparators(data: Float32Array, separators: HostTensor, layout: ImageLayout): void {
  const width = separators.shape[1]!;
  const [line, view] = [0, 1].map((row) =>
    separators.data.subarray(row * width, (row + 1) * width),
  );
  for (const position of layout.rowSeparators) data.set(line!, position * width);
  data.set(view!, layout.viewSeparator * width);
}

function place(data: Float32Array, rows: HostTensor, placements: readonly Placement[]): void {
  const width = rows.shape[1]!;
  for (const { from, to, cells } of placements) {
    data.set(rows.data.subarray(from * width, (from + cells) * width), to * width);
  }
}
