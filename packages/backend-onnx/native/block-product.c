#include "block-product.h"

#include <string.h>

#include "vectors.h"

enum {
  GROUP = 128,
  /** Rows that are multiplied as the matrix is read, so many at a time; more are worth unpacking it for. */
  FEW_ROWS = 24,
  ROWS_AT_ONCE = 6,
  /** Bytes of values a piece of a matrix has, at least, where few rows are multiplied. */
  PIECE_BYTES = 1 << 18,
  /** A tile of a product: what fits into registers. */
  TILE_ROWS = 12,
  TILE_COLUMNS = 32,
  /** Groups of a panel, and blocks of a group at most. */
  PANEL_GROUPS = 8,
  MOST_BLOCKS = 4,
  /** How far ahead of its use a matrix is asked for, in bytes. */
  AHEAD = 4096,
};

bool isBlockMatrix(int64_t in, int64_t out, int64_t bits, int64_t block) {
  const bool isKnown = (bits == 4 || bits == 8) && (block == 32 || block == 64 || block == 128);
  const int64_t longest = (int64_t)1 << 28; // Lengths of its parts are then numbers too.
  return isKnown && in > 0 && out > 0 && in < longest && out < longest && in % block == 0;
}

static int64_t blocksOf(const BlockMatrix *matrix) { return matrix->in / matrix->block; }
static int64_t rowBytes(const BlockMatrix *matrix) { return matrix->in * matrix->bits / 8; }
static int64_t zeroBytes(const BlockMatrix *matrix) { return ceilDivide(blocksOf(matrix) * matrix->bits, 8); }

/* Rounding. */

size_t roundedBytes(const BlockMatrix *matrix, int64_t rows) {
  const int64_t groups = ceilDivide(matrix->in, GROUP);
  const int64_t blocks = ceilDivide(blocksOf(matrix), 16) * 16;
  return 64 + aligned(rows * groups * GROUP) + 3 * aligned(rows * blocks * 4);
}

RoundedRows placeRounded(const BlockMatrix *matrix, int64_t rows, void *memory) {
  RoundedRows placed = {.rows = rows, .groups = ceilDivide(matrix->in, GROUP)};
  placed.blocks = ceilDivide(blocksOf(matrix), 16) * 16;
  uint8_t *at = (uint8_t *)aligned((int64_t)memory);
  placed.values = (int8_t *)at;
  at += aligned(rows * placed.groups * GROUP);
  placed.sizes = (float *)at;
  at += aligned(rows * placed.blocks * 4);
  placed.sums = (float *)at;
  at += aligned(rows * placed.blocks * 4);
  placed.negativeSteps = (int32_t *)at;
  return placed;
}

/** The largest number of a block without its sign. As bits they are in order, and what is no number comes last. */
INLINE float largestOf(const float *numbers, int block) {
  __m512i largest = _mm512_setzero_si512();
  for (int at = 0; at < block; at += 16) {
    largest = _mm512_max_epi32(largest, _mm512_castps_si512(_mm512_abs_ps(_mm512_loadu_ps(numbers + at))));
  }
  const int32_t bits = _mm512_reduce_max_epi32(largest);
  float number;
  memcpy(&number, &bits, 4);
  return number;
}

/** Of blocks whose numbers are less than that, steps have no reciprocal in float32: they count as zeros. */
#define LEAST_NUMBER 1e-36f

/** Rounds a block, and says what a step is worth and how many steps there are in all. */
INLINE void roundBlock(const float *numbers, int block, int8_t *steps, float *size, int32_t *sum) {
  const float most = largestOf(numbers, block);
  const __m512 perNumber = _mm512_set1_ps(most >= LEAST_NUMBER ? 127.0f / most : 0.0f);
  __m512i all = _mm512_setzero_si512();
  for (int at = 0; at < block; at += 16) {
    const __m512i rounded = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(numbers + at), perNumber));
    all = _mm512_add_epi32(all, rounded);
    _mm_storeu_si128((__m128i *)(steps + at), _mm512_cvtsepi32_epi8(rounded));
  }
  *size = most / 127.0f;
  *sum = _mm512_reduce_add_epi32(all);
}

/** Numbers at even places first, then those at odd ones. */
INLINE void partPlaces(const int8_t *group, int8_t *to) {
  for (int half = 0; half < 2; half++) {
    const __m512i pairs = _mm512_loadu_si512(group + 64 * half);
    _mm256_storeu_si256((__m256i *)(to + 32 * half), _mm512_cvtepi16_epi8(pairs));
    _mm256_storeu_si256((__m256i *)(to + 64 + 32 * half), _mm512_cvtepi16_epi8(_mm512_srli_epi16(pairs, 8)));
  }
}

AVX512 void roundRow(const BlockMatrix *matrix, const float *numbers, const RoundedRows *rounded, int64_t row) {
  int8_t *values = rounded->values + row * rounded->groups * GROUP;
  float *sizes = rounded->sizes + row * rounded->blocks;
  float *sums = rounded->sums + row * rounded->blocks;
  int32_t *negativeSteps = rounded->negativeSteps + row * rounded->blocks;
  const int64_t blocks = blocksOf(matrix);
  for (int64_t first = 0, block = 0; first < matrix->in; first += GROUP) {
    int8_t steps[GROUP] = {0};
    for (int64_t at = first; at < least(first + GROUP, matrix->in); at += matrix->block, block++) {
      int32_t sum;
      roundBlock(numbers + at, matrix->block, steps + (at - first), sizes + block, &sum);
      sums[block] = sizes[block] * (float)sum;
      negativeSteps[block] = -sum;
    }
    if (matrix->bits == 4) partPlaces(steps, values + first);
    else memcpy(values + first, steps, GROUP);
  }
  for (int64_t block = blocks; block < rounded->blocks; block++) {
    sizes[block] = 0;
    sums[block] = 0;
    negativeSteps[block] = 0;
  }
}

/* Few rows: each column of the product is a walk along a row of the matrix. */

/** As many of 64 bytes as are left. */
INLINE __mmask64 bytesLeft(int64_t left) { return left >= 64 ? ~0ull : (1ull << left) - 1; }

/** What a step is worth in each lane of 4 numbers, where a vector holds `count` blocks from `blocks` on. */
INLINE __m512 spread(const float *blocks, int64_t left, const int count) {
  if (count == 1) return _mm512_set1_ps(*blocks);
  const __m512i lanes = _mm512_srli_epi32(
      _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), count == 2 ? 3 : 2);
  const __m128 few = _mm_maskz_loadu_ps((__mmask8)((1u << least(left, count)) - 1), blocks);
  return _mm512_permutexvar_ps(lanes, _mm512_castps128_ps512(few));
}

/** Zero points of 16 blocks as float32. */
INLINE __m512 zeros16(const uint8_t *row, int64_t block, int64_t blocks, const int bits) {
  const int64_t left = least(blocks - block, 16);
  if (bits == 8) {
    const __m128i bytes = _mm_maskz_loadu_epi8(numbersLeft(left), row + block);
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
  }
  const __m128i bytes = _mm_maskz_loadu_epi8(numbersLeft((left + 1) / 2), row + block / 2);
  const __m128i lower = _mm_and_si128(bytes, _mm_set1_epi8(15));
  const __m128i upper = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(15));
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_unpacklo_epi8(lower, upper)));
}

/**
 * One vector of 64 bytes of a matrix against all rows: of 4 bits it is a group, of 8 bits half of one.
 * `count` blocks lie in it, or it lies in a block.
 */
INLINE void multiplyVector(__m512i bytes, const int8_t *values, int64_t rowStep, __m512 scale, const float *sizes,
                           int64_t blocks, int64_t left, const int count, const int bits, const int rows, __m512 *sums) {
  const __m512i low = _mm512_set1_epi8(15);
  UNROLLED
  for (int row = 0; row < rows; row++) {
    const int8_t *own = values + row * rowStep;
    __m512i steps = _mm512_setzero_si512();
    if (bits == 4) {
      steps = _mm512_dpbusd_epi32(steps, _mm512_and_si512(bytes, low), _mm512_loadu_si512(own));
      steps = _mm512_dpbusd_epi32(steps, _mm512_and_si512(_mm512_srli_epi16(bytes, 4), low), _mm512_loadu_si512(own + 64));
    } else {
      steps = _mm512_dpbusd_epi32(steps, bytes, _mm512_loadu_si512(own));
    }
    const __m512 worth = _mm512_mul_ps(scale, spread(sizes + row * blocks, left, count));
    sums[row] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(steps), worth, sums[row]);
  }
}

/** A column of the product. */
INLINE void multiplyColumn(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t column, float *product,
                           const int bits, const int block, const int rows) {
  const int vector = bits == 4 ? GROUP : 64; // numbers in 64 bytes
  const int count = vector > block ? vector / block : 1;
  const int64_t blocks = matrix->in / block;
  const int64_t bytes = matrix->in * bits / 8;
  const uint8_t *values = matrix->values + column * bytes;
  const float *scales = matrix->scales + column * blocks;
  const int64_t rowStep = rounded->groups * GROUP;
  __m512 sums[ROWS_AT_ONCE];
  UNROLLED
  for (int row = 0; row < rows; row++) sums[row] = _mm512_setzero_ps();
  const int64_t whole = bytes / 64;
  for (int64_t at = 0; at < whole; at++) {
    _mm_prefetch((const char *)values + at * 64 + AHEAD, _MM_HINT_T0);
    const int64_t first = at * vector / block;
    multiplyVector(_mm512_loadu_si512(values + at * 64), rounded->values + at * vector, rowStep,
                   spread(scales + first, count, count), rounded->sizes + first, rounded->blocks, count, count, bits, rows, sums);
  }
  if (whole * 64 < bytes) {
    const int64_t first = whole * vector / block, left = blocks - first;
    multiplyVector(_mm512_maskz_loadu_epi8(bytesLeft(bytes - whole * 64), values + whole * 64),
                   rounded->values + whole * vector, rowStep, spread(scales + first, left, count), rounded->sizes + first,
                   rounded->blocks, left, count, bits, rows, sums);
  }
  const uint8_t *zeros = matrix->zeros + column * ((blocks * bits + 7) / 8);
  const __m512 middle = _mm512_set1_ps(bits == 4 ? 8 : 128);
  for (int64_t first = 0; first < blocks; first += 16) {
    const __m512 zero = matrix->zeros ? zeros16(zeros, first, blocks, bits) : middle;
    const __m512 worth = _mm512_mul_ps(zero, _mm512_maskz_loadu_ps(numbersLeft(blocks - first), scales + first));
    UNROLLED
    for (int row = 0; row < rows; row++) {
      sums[row] = _mm512_fnmadd_ps(worth, _mm512_loadu_ps(rounded->sums + row * rounded->blocks + first), sums[row]);
    }
  }
  const float bias = matrix->bias ? matrix->bias[column] : 0;
  UNROLLED
  for (int row = 0; row < rows; row++) product[row * matrix->out + column] = _mm512_reduce_add_ps(sums[row]) + bias;
}

INLINE void multiplyColumns(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t from, int64_t to, float *product,
                            const int bits, const int block, const int rows) {
  for (int64_t column = from; column < to; column++) multiplyColumn(matrix, rounded, column, product, bits, block, rows);
}

/*
 * Many rows: 32 columns of the matrix are unpacked into the order in which tiles read them, a panel of few
 * enough groups at a time that it stays in the cache next to the processor.
 */

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
    for (int64_t at = 0; at < some; at++) {
      to->scales[at * TILE_COLUMNS + each] = isThere ? matrix->scales[(column + each) * blocks + first + at] : 0;
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

/* Which of all that. */

int64_t countPieces(const BlockMatrix *matrix, int64_t rows) {
  if (rows > FEW_ROWS) return ceilDivide(matrix->out, TILE_COLUMNS);
  return ceilDivide(matrix->out * rowBytes(matrix), PIECE_BYTES);
}

void pieceColumns(const BlockMatrix *matrix, int64_t rows, int64_t piece, int64_t *from, int64_t *to) {
  const int64_t pieces = countPieces(matrix, rows);
  const bool areMany = rows > FEW_ROWS;
  *from = areMany ? piece * TILE_COLUMNS : matrix->out * piece / pieces;
  *to = areMany ? least(*from + TILE_COLUMNS, matrix->out) : matrix->out * (piece + 1) / pieces;
}

/** Rows from `row` on: what the next ones need of the piece is still in the processor's cache. */
static RoundedRows someRows(const RoundedRows *rounded, int64_t row) {
  RoundedRows some = *rounded;
  some.rows = least(rounded->rows - row, ROWS_AT_ONCE);
  some.values += row * rounded->groups * GROUP;
  some.sizes += row * rounded->blocks;
  some.sums += row * rounded->blocks;
  return some;
}

INLINE void multiplyFew(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t piece, float *product,
                        const int bits, const int block) {
  int64_t from, to;
  pieceColumns(matrix, rounded->rows, piece, &from, &to);
  for (int64_t row = 0; row < rounded->rows; row += ROWS_AT_ONCE) {
    const RoundedRows some = someRows(rounded, row);
    float *out = product + row * matrix->out;
    switch (some.rows) {
      case 1: multiplyColumns(matrix, &some, from, to, out, bits, block, 1); break;
      case 2: multiplyColumns(matrix, &some, from, to, out, bits, block, 2); break;
      case 3: multiplyColumns(matrix, &some, from, to, out, bits, block, 3); break;
      case 4: multiplyColumns(matrix, &some, from, to, out, bits, block, 4); break;
      case 5: multiplyColumns(matrix, &some, from, to, out, bits, block, 5); break;
      default: multiplyColumns(matrix, &some, from, to, out, bits, block, 6);
    }
  }
}

INLINE void multiplyMany(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t piece, float *product,
                         const int bits, const int block) {
  Panel panel;
  for (panel.firstGroup = 0; panel.firstGroup < rounded->groups; panel.firstGroup += PANEL_GROUPS) {
    panel.groups = least(PANEL_GROUPS, rounded->groups - panel.firstGroup);
    unpackPanel(matrix, piece * TILE_COLUMNS, &panel, bits, block);
    multiplyPanel(matrix, rounded, &panel, piece * TILE_COLUMNS, product, bits, block);
  }
}

/** One function for each kind of matrix, whose loops know its lengths. */
#define PIECE_OF(bits, block)                                                                                    \
  AVX512 static void multiplyFew##bits##x##block(const BlockMatrix *matrix, const RoundedRows *rounded,          \
                                                 int64_t piece, float *product) {                                \
    multiplyFew(matrix, rounded, piece, product, bits, block);                                                   \
  }                                                                                                              \
  AVX512 static void multiplyMany##bits##x##block(const BlockMatrix *matrix, const RoundedRows *rounded,         \
                                                  int64_t piece, float *product) {                               \
    multiplyMany(matrix, rounded, piece, product, bits, block);                                                  \
  }
PIECE_OF(4, 32)
PIECE_OF(4, 64)
PIECE_OF(4, 128)
PIECE_OF(8, 32)
PIECE_OF(8, 64)
PIECE_OF(8, 128)

typedef void Multiply(const BlockMatrix *, const RoundedRows *, int64_t, float *);

void multiplyPiece(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t piece, float *product) {
  static Multiply *const few[2][3] = {{multiplyFew4x32, multiplyFew4x64, multiplyFew4x128},
                                      {multiplyFew8x32, multiplyFew8x64, multiplyFew8x128}};
  static Multiply *const many[2][3] = {{multiplyMany4x32, multiplyMany4x64, multiplyMany4x128},
                                       {multiplyMany8x32, multiplyMany8x64, multiplyMany8x128}};
  const int size = matrix->block == 32 ? 0 : matrix->block == 64 ? 1 : 2;
  (rounded->rows > FEW_ROWS ? many : few)[matrix->bits == 8][size](matrix, rounded, piece, product);
}

/** x · σ(x) · up. */
AVX512 void gateColumns(float *gate, const float *up, int64_t rows, int64_t out, int64_t from, int64_t to) {
  const __m512 one = _mm512_set1_ps(1);
  for (int64_t row = 0; row < rows; row++) {
    for (int64_t at = row * out + from; at < row * out + to; at += 16) {
      const __mmask16 some = numbersLeft(row * out + to - at);
      const __m512 x = _mm512_maskz_loadu_ps(some, gate + at);
      // What is raised beyond float32 is infinite, and what is divided by it 0; further up there is no power of e.
      const __m512 raised = exponential(_mm512_min_ps(_mm512_set1_ps(89), _mm512_sub_ps(_mm512_setzero_ps(), x)));
      const __m512 passed = _mm512_div_ps(x, _mm512_add_ps(one, raised));
      _mm512_mask_storeu_ps(gate + at, some, _mm512_mul_ps(passed, _mm512_maskz_loadu_ps(some, up + at)));
    }
  }
}
