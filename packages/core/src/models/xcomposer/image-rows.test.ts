import { describe, expect, test } from 'vitest';
import { imageLayout, imageTokens, type Placement } from './image-rows.ts';

describe('a picture takes as many positions as the spec says', () => {
  test.each([
    [1, 1, 841],
    [2, 2, 2061],
    [2, 3, 2861],
    [3, 4, 5281],
    [4, 6, 10101],
    [6, 2, 5341],
    [2, 6, 5261],
    [1, 9, 4041],
    [20, 1, 8821],
  ])('%i × %i tiles of 20 × 20 cells: %i', (rows, columns, tokens) => {
    expect(imageTokens({ rows, columns }, 20)).toBe(tokens);
  });
});

test('every position is filled exactly once, whatever the grid', () => {
  for (let rows = 1; rows <= 8; rows++) {
    for (let columns = 1; columns <= 8; columns++) {
      const layout = imageLayout({ rows, columns }, 3);
      const filled = [
        ...layout.rowSeparators,
        layout.viewSeparator,
        ...positions(layout.globalView()),
        ...range(rows * columns).flatMap((tile) =>
          positions(layout.tile(Math.floor(tile / columns), tile % columns)),
        ),
      ];
      expect(filled.sort((a, b) => a - b)).toEqual(range(layout.length));
    }
  }
});

test('lines run through all tiles of their row and end in a separator', () => {
  const cells = write({ rows: 2, columns: 2 }, 2);
  expect(cells.join(' ')).toBe(
    ['g0 g1 | g2 g3 |', '#', 'a0 a1 b0 b1 | a2 a3 b2 b3 |', 'c0 c1 d0 d1 | c2 c3 d2 d3 |'].join(
      ' ',
    ),
  );
});

/** The sequence as text: g is the global view, a to d the tiles, their cells numbered. */
function write(grid: { rows: number; columns: number }, side: number): string[] {
  const layout = imageLayout(grid, side);
  const out = new Array<string>(layout.length);
  const put = (letter: string, placements: readonly Placement[]) => {
    for (const { from, to, cells } of placements) {
      for (let cell = 0; cell < cells; cell++) out[to + cell] = `${letter}${from + cell}`;
    }
  };
  put('g', layout.globalView());
  for (const [tile, letter] of ['a', 'b', 'c', 'd'].entries()) {
    put(letter, layout.tile(Math.floor(tile / grid.columns), tile % grid.columns));
  }
  for (const position of layout.rowSeparators) out[position] = '|';
  out[layout.viewSeparator] = '#';
  return out;
}

function positions(placements: readonly Placement[]): number[] {
  return placements.flatMap(({ to, cells }) => range(cells).map((cell) => to + cell));
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}
