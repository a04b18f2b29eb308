/**
 * Many rows: 32 columns of the matrix are unpacked panel by panel, and each panel is multiplied by hundreds of rows,
 * with the widest instructions that there are.
 */
#include "panel.h"

/** Rows for which a panel is unpacked; their sums take 64 KB a tile. */
enum { ROWS_OF_SUMS = 512 };

/** 16 columns of 64 numbers, as 16 fours of each. */
INLINE void storeFours(__m512i columns[16], uint8_t *to) {
  transpose16(columns);
  for (int four = 0; four < 16; four++) _mm512_storeu_si512(to + four * TILE_COLUMNS * 4, columns[four]);
}

/** 128 numbers of 4 bits, of which the lower half of a byte comes first. */
INLINE void spreadHalves(__m512i bytes, __m512i *first, __m512i *second) {
  const __m512i low = _mm512_set1_epi8(15);
  const __m512i even = _mm512_and_si512(bytes, low), odd = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), low);
  const __m512i front = _mm512_unpacklo_epi8(even, odd), back = _mm512_unpackhi_epi8(even, odd);
  *first = _mm512_permutex2var_epi64(front, _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0), back);
  *second = _mm512_permutex2var_epi64(front, _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4), back);
}

/** A group of 16 columns; what lies beyond the matrix is 0. */
INLINE void unpackGroup(const BlockMatrix *matrix, int64_t column, int64_t group, uint8_t *to, const int bits) {
  const int64_t bytes = matrix->in * bits / 8;
  const int64_t at = group * GROUP * bits / 8;
  __m512i first[16], second[16];
  for (int each = 0; each < 16; each++) {
    const bool isThere = column + each < matrix->out;
    const uint8_t *from = matrix->values + (isThere ? column + each : 0) * bytes + at;
    const __mmask64 some = isThere ? bytesLeft(bytes - at) : 0;
    first[each] = _mm512_maskz_loadu_epi8(some, from);
    if (bits == 4) {
      spreadHalves(first[each], &first[each], &second[each]);
    } else {
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

/** One function for each kind of matrix, whose loops know its lengths. */
#define UNPACK(bits, block)                                                                             \
  AVX512 static void unpack##bits##x##block(const BlockMatrix *matrix, int64_t column, Panel *panel) { \
    unpackPanel(matrix, column, panel, bits, block);                                                    \
  }
UNPACK(4, 32)
UNPACK(4, 64)
UNPACK(4, 128)
UNPACK(8, 32)
UNPACK(8, 64)
UNPACK(8, 128)

typedef void Unpack(const BlockMatrix *matrix, int64_t column, Panel *panel);
static Unpack *const unpack[2][3] = {{unpack4x32, unpack4x64, unpack4x128}, {unpack8x32, unpack8x64, unpack8x128}};

/** Which columns of a tile there are. */
INLINE void columnsThere(const BlockMatrix *matrix, int64_t column, __mmask16 some[2]) {
  some[0] = numbersLeft(matrix->out - column);
  some[1] = numbersLeft(matrix->out - column - 16);
}

AVX512 static void startSums(const BlockMatrix *matrix, int64_t column, int64_t rows, Sums *sums) {
  __mmask16 some[2];
  columnsThere(matrix, column, some);
  for (int side = 0; side < 2; side++) {
    const __m512 bias = matrix->bias ? _mm512_maskz_loadu_ps(some[side], matrix->bias + column + 16 * side) : _mm512_setzero_ps();
    for (int64_t row = 0; row < rows; row++) _mm512_store_ps(sums[row] + 16 * side, bias);
  }
}

AVX512 static void storeSums(const BlockMatrix *matrix, int64_t column, int64_t rows, Sums *sums, float *product) {
  __mmask16 some[2];
  columnsThere(matrix, column, some);
  for (int64_t row = 0; row < rows; row++) {
    for (int side = 0; side < 2; side++) {
      _mm512_mask_storeu_ps(product + row * matrix->out + column + 16 * side, some[side], _mm512_load_ps(sums[row] + 16 * side));
    }
  }
}

/** Asks for a panel's values, so that they are there when the one before it has been multiplied. */
static void askForPanel(const BlockMatrix *matrix, int64_t column, int64_t firstGroup) {
  const int64_t groupBytes = GROUP * matrix->bits / 8, bytes = rowBytes(matrix), from = firstGroup * groupBytes;
  const int64_t to = least(from + PANEL_GROUPS * groupBytes, bytes), last = least(column + TILE_COLUMNS, matrix->out);
  for (int64_t each = column; each < last; each++) {
    for (int64_t at = from; at < to; at += 64) _mm_prefetch((const char *)matrix->values + each * bytes + at, _MM_HINT_T1);
  }
}

/** Some rows of a piece. Its tiles take turns at the same groups, so that the rows' numbers are still near. */
static void multiplySome(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t from, int64_t to, int64_t row, int64_t count,
                         float *product) {
  const int size = blockPlace(matrix);
  MultiplyPanel *const multiply = (hasAmx() ? panelsByAmx : panelsByVnni)[size];
  Panel panel;
  _Alignas(64) Sums sums[PIECE_TILES][ROWS_OF_SUMS];
  for (int64_t tile = 0, column = from; column < to; tile++, column += TILE_COLUMNS) {
    askForPanel(matrix, column, 0);
    startSums(matrix, column, count, sums[tile]);
  }
  for (panel.firstGroup = 0; panel.firstGroup < rounded->groups; panel.firstGroup += PANEL_GROUPS) {
    panel.groups = least(PANEL_GROUPS, rounded->groups - panel.firstGroup);
    for (int64_t tile = 0, column = from; column < to; tile++, column += TILE_COLUMNS) {
      unpack[matrix->bits == 8][size](matrix, column, &panel);
      askForPanel(matrix, column, panel.firstGroup + PANEL_GROUPS);
      multiply(matrix, rounded, &panel, row, count, sums[tile]);
    }
  }
  for (int64_t tile = 0, column = from; column < to; tile++, column += TILE_COLUMNS) {
    storeSums(matrix, column, count, sums[tile], product + row * matrix->out);
  }
}

/** As few times some rows as there can be, and about as many each time: unpacking costs the same for one row. */
void multiplyTiles(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t from, int64_t to, float *product) {
  const int64_t rows = rounded->rows, times = ceilDivide(rows, ROWS_OF_SUMS);
  const int64_t some = ceilDivide(ceilDivide(rows, times), REGISTER_ROWS) * REGISTER_ROWS;
  for (int64_t row = 0; row < rows; row += some) {
    multiplySome(matrix, rounded, from, to, row, least(some, rows - row), product);
  }
}
