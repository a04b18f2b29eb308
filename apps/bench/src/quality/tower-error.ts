/** How far a picture's projected rows in int8 are from those of the same tower in float32. */
import type { TiledImage, XComposer } from '@lingbi/core';

/** Projected rows of the global view and of every tile, each an array. */
export async function projectRows(model: XComposer, image: TiledImage): Promise<Float32Array[]> {
  const { tileSize } = image;
  const found: Float32Array[] = [];
  for (const data of pixelsOf(image)) {
    const pixels = { dtype: 'float32', shape: [3, tileSize, tileSize], data } as const;
    const { rows } = await model.program.run('vision', { pixels });
    using held = rows!;
    found.push((await held.read()).data as Float32Array);
  }
  return found;
}

function* pixelsOf(image: TiledImage): Generator<Float32Array> {
  yield image.globalView();
  for (let row = 0; row < image.grid.rows; row++) {
    for (let column = 0; column < image.grid.columns; column++) yield image.tile(row, column);
  }
}

/** Root mean square of the differences, over that of what was wanted. */
export function relativeRms(
  found: readonly Float32Array[],
  wanted: readonly Float32Array[],
): number {
  let [differences, numbers] = [0, 0];
  for (const [at, rows] of wanted.entries()) {
    for (const [place, number] of rows.entries()) {
      differences += (found[at]![place]! - number) ** 2;
      numbers += number ** 2;
    }
  }
  return Math.sqrt(differences / numbers);
}
