/** Tiles of a product that fit into the registers of AVX-512, whose VNNI multiplies 16 fours of numbers at once. */
#include <string.h>

#include "panel.h"

/** A tile has so many rows of TILE_COLUMNS. */
enum { TILE_ROWS = 12 };

/** A block of a tile, the `at`-th of the panel. */
INLINE void multiplyBlock(const RoundedRows *rounded, const Panel *panel, int64_t row, int64_t at, Sums *sums,
                          const int size, const int rows) {
  const int64_t block = panel->firstGroup * (GROUP / size) + at;
  const int8_t *values = blockValues(rounded, row, block, size);
  const uint8_t *columns = panel->values + at * size * TILE_COLUMNS;
  const int32_t *zeros = panel->zeros + at * TILE_COLUMNS;
  const int64_t place = sizePlace(rounded, row, block);
  const __m512i zero[2] = {_mm512_loadu_si512(zeros), _mm512_loadu_si512(zeros + 16)};
  __m512i found[TILE_ROWS][2];
  UNROLLED
  for (int each = 0; each < rows; each++) {
    UNROLLED
    for (int side = 0; side < 2; side++) {
      found[each][side] = addZeros(_mm512_setzero_si512(), zero[side], rounded->negativeSteps[place + each]);
    }
  }
  UNROLLED
  for (int four = 0; four < size / 4; four++) {
    const uint8_t *from = columns + four * TILE_COLUMNS * 4;
    const __m512i left = _mm512_loadu_si512(from), right = _mm512_loadu_si512(from + 64);
    UNROLLED
    for (int each = 0; each < rows; each++) {
      int32_t numbers;
      memcpy(&numbers, values + each * GROUP + four * 4, 4);
      const __m512i all = _mm512_set1_epi32(numbers);
      found[each][0] = _mm512_dpbusd_epi32(found[each][0], left, all);
      found[each][1] = _mm512_dpbusd_epi32(found[each][1], right, all);
    }
  }
  const float *scales = panel->scales + at * TILE_COLUMNS;
  const __m512 scale[2] = {_mm512_loadu_ps(scales), _mm512_loadu_ps(scales + 16)};
  UNROLLED
  for (int each = 0; each < rows; each++) {
    const float stepSize = rounded->sizes[place + each];
    UNROLLED
    for (int side = 0; side < 2; side++) {
      float *sum = sums[each] + 16 * side;
      _mm512_store_ps(sum, addWorth(_mm512_load_ps(sum), found[each][side], scale[side], stepSize));
    }
  }
}

/** What a panel adds to a tile of sums. */
INLINE void multiplyTile(const BlockMatrix *matrix, const RoundedRows *rounded, const Panel *panel, int64_t row, Sums *sums,
                         const int size, const int rows) {
  const int64_t blocks = panelBlocks(matrix, panel);
  for (int64_t at = 0; at < blocks; at++) multiplyBlock(rounded, panel, row, at, sums, size, rows);
}

/** The rest of the rows takes smaller tiles. */
INLINE void multiplyPanel(const BlockMatrix *matrix, const RoundedRows *rounded, const Panel *panel, int64_t row, int64_t count,
                          Sums *sums, const int size) {
  int64_t at = 0;
  for (; at + TILE_ROWS <= count; at += TILE_ROWS) multiplyTile(matrix, rounded, panel, row + at, sums + at, size, TILE_ROWS);
  for (; at + 4 <= count; at += 4) multiplyTile(matrix, rounded, panel, row + at, sums + at, size, 4);
  for (; at < count; at++) multiplyTile(matrix, rounded, panel, row + at, sums + at, size, 1);
}

/** One function for each size of blocks, whose loops know it. */
#define PANEL(size)                                                                                               \
  AVX512 static void multiply##size(const BlockMatrix *matrix, const RoundedRows *rounded, const Panel *panel,    \
                                    int64_t row, int64_t count, Sums *sums) {                                     \
    multiplyPanel(matrix, rounded, panel, row, count, sums, size);                                                \
  }
PANEL(32)
PANEL(64)
PANEL(128)

MultiplyPanel *const panelsByVnni[3] = {multiply32, multiply64, multiply128};
