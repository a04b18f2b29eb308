/**
 * Many rows: 32 columns of the matrix are unpacked into the order in which tiles read them, a panel of few
 * enough groups at a time that it stays in the cache next to the processor.
 */
#include <string.h>

#include "block-steps.h"

enum {
  /** A tile of a product: what fits into registers, with TILE_COLUMNS. */
  TILE_ROWS = 12,
  /** Groups of a panel, and blocks of a group at most. */
  PANEL_GROUPS = 8,
  MOST_BLOCKS = 4,
};

/** Some groups of 32 columns. */
typedef struct {
  /** [groups, 32 fours, 32 columns, 4 numbers]. */
  _Alignas(64) uint8_t values[PANEL_GROUPS * GROUP * TILE_COLUMNS];
  /** [blocks, 32 columns]. */
  _Alignas(64) float scales[PANEL_GROUPS * MOST_BLOCKS * TILE_COLUMNS];
  _Alignas(64) int32_t zeros[PANEL_GROUPS * MOST_BLOCKS * TILE_COLUMNS];
  int64_t firstGroup, groups;
} Panel;

/** 16 columns of 64 numbers, as 16 fours of each. */
INLINE void storeFours(__m512i columns[16], uint8_t *to) {
  transpose16(columns);
  for (int four = 0; four < 16; four++) _mm512_storeu_si512(to + four * TILE_COLUMNS * 4, columns[four]);
}

/** A group of 16 columns; what lies beyond the matrix is 0. */
INLINE void unpackGroup(const BlockMatrix *matrix, int64_t column, int64_t group, uint8_t *to, const int bits) {
  const __m512i low = _mm512_set1_epi8(15);
  const int64_t bytes = matrix->in * bits / 8;
  const int64_t at = group * GROUP * bits / 8;
  __m512i first[16], second[16];
  for (int each = 0; each < 16; each++) {
    const bool isThere = column + each < matrix->out;
    const uint8_t *from = matrix->values + (isThere ? column + each : 0) * bytes + at;
    const __mmask64 some = isThere ? bytesLeft(bytes - at) : 0;
    const __m512i loaded = _mm512_maskz_loadu_epi8(some, from);
    if (bits == 4) {
      first[each] = _mm512_and_si512(loaded, low);
      second[each] = _mm512_and_si512(_mm512_srli_epi16(loaded, 4), low);
    } else {
      first[each] = loaded;
      const __mmask64 others = isThere && bytes - at > 64 ? bytesLeft(bytes - at - 64) : 0;
      second[each] = _mm512_maskz_loadu_epi8(others, from + 64);
    }
  }
  storeFours(first, to);
  storeFours(second, to + 16 * TILE_COLUMNS * 4);
}

static int zeroAt(const BlockMatrix *matrix, int64_t column, int64_t block) {
  if (!matrix->zeros) return matrix->bits == 4 ? 8 : 128;
  const uint8_t *row = matrix->zeros + column * zeroBytes(matrix);
  if (matrix->bits == 8) return row[block];
  return block % 2 == 0 ? row[block / 2] & 15 : row[block / 2] >> 4;
}

INLINE void unpackPanel(const BlockMatrix *matrix, int64_t column, Panel *to, const int bits, const int block) {
  for (int64_t group = 0; group < to->groups; group++) {
    uint8_t *values = to->values + group * GROUP * TILE_COLUMNS;
    unpackGroup(matrix, column, to->firstGroup + group, values, bits);
    unpackGroup(matrix, column + 16, to->firstGroup + group, values + 64, bits);
  }
  const int64_t blocks = blocksOf(matrix), first = to->firstGroup * GROUP / block;
  const int64_t some = least(blocks - first, to->groups * GROUP / block);
  for (int64_t each = 0; each < TILE_COLUMNS; each++) {
    const bool isThere = column + each < matrix->out;
    float scales[PANEL_GROUPS * MOST_BLOCKS] = {0};
    for (int64_t at = 0; isThere && at < some; at += 16) {
      const uint8_t *from = scalesAt(matrix, column + each, first + at);
      _mm512_storeu_ps(scales + at, loadScales(from, matrix->scaleBytes, some - at));
    }
    for (int64_t at = 0; at < some; at++) {
      to->scales[at * TILE_COLUMNS + each] = scales[at];
      to->zeros[at * TILE_COLUMNS + each] = isThere ? zeroAt(matrix, column + each, first + at) : 0;
    }
  }
}

/** Where the `step`-th four numbers of a block stand in their group. */
static inline __attribute__((always_inline)) int fourAt(int inGroup, int step, const int bits, const int block) {
  const int half = block / 8;
  if (bits == 8) return inGroup * block / 4 + step;
  return step < half ? inGroup * half + step : 16 + inGroup * half + step - half;
}

/** A block of a tile: `rows` rows by 32 columns. It is the `inGroup`-th of its group of the panel. */
INLINE void multiplyBlock(const RoundedRows *rounded, const Panel *panel, int64_t row, int64_t group, const int inGroup,
                          float (*sums)[TILE_COLUMNS], const int bits, const int size, const int rows) {
  const int64_t inPanel = group * (GROUP / size) + inGroup;
  const int64_t block = panel->firstGroup * (GROUP / size) + inPanel;
  const int64_t rowStep = rounded->groups * GROUP;
  const int8_t *values = rounded->values + row * rowStep + (panel->firstGroup + group) * GROUP;
  const uint8_t *columns = panel->values + group * GROUP * TILE_COLUMNS;
  const int32_t *zeros = panel->zeros + inPanel * TILE_COLUMNS;
  const int32_t *steps = rounded->negativeSteps + row * rounded->blocks + block;
  const __m512i zero[2] = {_mm512_loadu_si512(zeros), _mm512_loadu_si512(zeros + 16)};
  __m512i found[TILE_ROWS][2];
  UNROLLED
  for (int each = 0; each < rows; each++) {
    // Zero points are words whose upper halves are 0, so of the sum's words only the lower one counts.
    const __m512i sum = _mm512_set1_epi32(steps[each * rounded->blocks]);
    UNROLLED
    for (int side = 0; side < 2; side++) found[each][side] = _mm512_dpwssd_epi32(_mm512_setzero_si512(), zero[side], sum);
  }
  UNROLLED
  for (int step = 0; step < size / 4; step++) {
    const int four = fourAt(inGroup, step, bits, size);
    const uint8_t *at = columns + four * TILE_COLUMNS * 4;
    const __m512i left = _mm512_loadu_si512(at), right = _mm512_loadu_si512(at + 64);
    UNROLLED
    for (int each = 0; each < rows; each++) {
      int32_t numbers;
      memcpy(&numbers, values + each * rowStep + four * 4, 4);
      const __m512i all = _mm512_set1_epi32(numbers);
      found[each][0] = _mm512_dpbusd_epi32(found[each][0], left, all);
      found[each][1] = _mm512_dpbusd_epi32(found[each][1], right, all);
    }
  }
  const float *scales = panel->scales + inPanel * TILE_COLUMNS;
  const __m512 scale[2] = {_mm512_loadu_ps(scales), _mm512_loadu_ps(scales + 16)};
  UNROLLED
  for (int each = 0; each < rows; each++) {
    const __m512 stepSize = _mm512_set1_ps(rounded->sizes[(row + each) * rounded->blocks + block]);
    UNROLLED
    for (int side = 0; side < 2; side++) {
      float *sum = sums[each] + 16 * side;
      const __m512 worth = _mm512_mul_ps(scale[side], stepSize);
      _mm512_storeu_ps(sum, _mm512_fmadd_ps(_mm512_cvtepi32_ps(found[each][side]), worth, _mm512_loadu_ps(sum)));
    }
  }
}

/** What a panel adds to a tile of the product. The first one finds it empty. */
INLINE void multiplyTile(const BlockMatrix *matrix, const RoundedRows *rounded, const Panel *panel, int64_t row,
                         int64_t column, float *product, const int bits, const int block, const int rows) {
  float sums[TILE_ROWS][TILE_COLUMNS] __attribute__((aligned(64)));
  const int64_t left = matrix->out - column;
  const __mmask16 some[2] = {numbersLeft(left), left > 16 ? numbersLeft(left - 16) : 0};
  float *tile = product + row * matrix->out + column;
  UNROLLED
  for (int side = 0; side < 2; side++) {
    const __m512 bias = matrix->bias ? _mm512_maskz_loadu_ps(some[side], matrix->bias + column + 16 * side) : _mm512_setzero_ps();
    UNROLLED
    for (int each = 0; each < rows; each++) {
      const float *from = tile + each * matrix->out + 16 * side;
      _mm512_store_ps(sums[each] + 16 * side, panel->firstGroup == 0 ? bias : _mm512_maskz_loadu_ps(some[side], from));
    }
  }
  const int64_t blocks = least(matrix->in / block - panel->firstGroup * GROUP / block, panel->groups * GROUP / block);
  for (int64_t group = 0; group < panel->groups; group++) {
    for (int inGroup = 0; inGroup < GROUP / block; inGroup++) {
      if (group * (GROUP / block) + inGroup >= blocks) break;
      multiplyBlock(rounded, panel, row, group, inGroup, sums, bits, block, rows);
    }
  }
  UNROLLED
  for (int each = 0; each < rows; each++) {
    UNROLLED
    for (int side = 0; side < 2; side++) {
      _mm512_mask_storeu_ps(tile + each * matrix->out + 16 * side, some[side], _mm512_load_ps(sums[each] + 16 * side));
    }
  }
}

/** The rest of the rows takes smaller tiles. */
INLINE void multiplyPanel(const BlockMatrix *matrix, const RoundedRows *rounded, const Panel *panel, int64_t column,
                          float *product, const int bits, const int block) {
  int64_t row = 0;
  for (; row + TILE_ROWS <= rounded->rows; row += TILE_ROWS) {
    multiplyTile(matrix, rounded, panel, row, column, product, bits, block, TILE_ROWS);
  }
  for (; row + 4 <= rounded->rows; row += 4) multiplyTile(matrix, rounded, panel, row, column, product, bits, block, 4);
  for (; row < rounded->rows; row++) multiplyTile(matrix, rounded, panel, row, column, product, bits, block, 1);
}

INLINE void multiplyPanels(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t from, float *product,
                           const int bits, const int block) {
  Panel panel;
  for (panel.firstGroup = 0; panel.firstGroup < rounded->groups; panel.firstGroup += PANEL_GROUPS) {
    panel.groups = least(PANEL_GROUPS, rounded->groups - panel.firstGroup);
    unpackPanel(matrix, from, &panel, bits, block);
    multiplyPanel(matrix, rounded, &panel, from, product, bits, block);
  }
}

/** One function for each kind of matrix, whose loops know its lengths. */
#define TILE(bits, block)                                                                                          \
  AVX512 static void tile##bits##x##block(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t from,     \
                                          int64_t to, float *product) {                                            \
    (void)to; /* A tile's columns, or as many as there are. */                                                     \
    multiplyPanels(matrix, rounded, from, product, bits, block);                                                   \
  }
TILE(4, 32)
TILE(4, 64)
TILE(4, 128)
TILE(8, 32)
TILE(8, 64)
TILE(8, 128)

MultiplyColumns *const tileColumns[2][3] = {{tile4x32, tile4x64, tile4x128}, {tile8x32, tile8x64, tile8x128}};
