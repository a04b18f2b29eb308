#include "block-product.h"

#include <string.h>

#include "vectors.h"

enum {
  GROUP = 128,
  /** Rows that are multiplied as the matrix is read, so many at a time; more are worth unpacking it for. */
  FEW_ROWS = 24,
  ROWS_AT_ONCE = 6,
  /** Numbers of all those rows that stay in the cache next to the processor while columns are read. */
  NEAR_NUMBERS = 24576,
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
static const uint8_t *scalesAt(const BlockMatrix *matrix, int64_t column, int64_t block) {
  return matrix->scales + (column * blocksOf(matrix) + block) * matrix->scaleBytes;
}

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

/*
 * Few rows: each column of the product is a walk along a row of the matrix, which is read as fast as memory
 * gives it if little else is to be done. So scales, zero points and what they are worth in each row are worked
 * out for 16 blocks at a time, and sums of numbers are added up as integers before they are weighed.
 */

/** As many of 64 bytes as are left. */
INLINE __mmask64 bytesLeft(int64_t left) { return left >= 64 ? ~0ull : left <= 0 ? 0 : (1ull << left) - 1; }

/** The next blocks of a row of the matrix and of all rounded rows. */
typedef struct {
  int64_t blocks;
  const uint8_t *values, *zeros, *scales;
  int scaleBytes;
  const int8_t *numbers;
  const float *sizes, *sums;
  /** From a row to the next one. */
  int64_t rowNumbers, rowBlocks;
} Walk;

INLINE Walk startWalk(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t column, int64_t first, const int bits,
                      const int block) {
  const int64_t blocks = matrix->in / block, zeroBytes = ceilDivide(blocks * bits, 8);
  return (Walk){
      .blocks = blocks - first,
      .values = matrix->values + (column * blocks + first) * block * bits / 8,
      .zeros = matrix->zeros ? matrix->zeros + column * zeroBytes + first * bits / 8 : NULL,
      .scales = scalesAt(matrix, column, first),
      .scaleBytes = matrix->scaleBytes,
      .numbers = rounded->values + first * block,
      .sizes = rounded->sizes + first,
      .sums = rounded->sums + first,
      .rowNumbers = rounded->groups * GROUP,
      .rowBlocks = rounded->blocks,
  };
}

INLINE void advance16(Walk *walk, const int bits, const int block) {
  walk->blocks -= 16;
  walk->values += 2 * block * bits;
  if (walk->zeros) walk->zeros += 2 * bits;
  walk->scales += 16 * walk->scaleBytes;
  walk->numbers += 16 * block;
  walk->sizes += 16;
  walk->sums += 16;
}

/** Numbers that are added up together: those of 64 bytes of the matrix, or a block if it is longer. */
#define STEP_NUMBERS(bits, block) ((bits) == 4 || (block) == GROUP ? GROUP : 64)
#define STEP_BYTES(bits, block) (STEP_NUMBERS(bits, block) * (bits) / 8)
#define STEP_BLOCKS(bits, block) (STEP_NUMBERS(bits, block) / (block))

/** Scales of the next 16 blocks, or of as many as are left. */
INLINE __m512 loadScales(const uint8_t *scales, int scaleBytes, int64_t left) {
  if (scaleBytes == 4) return _mm512_maskz_loadu_ps(numbersLeft(left), scales);
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(numbersLeft(left), scales));
}

/** Zero points of the next 16 blocks. */
INLINE __m512 nextZeros(const Walk *walk, const int bits) {
  if (!walk->zeros) return _mm512_set1_ps(bits == 4 ? 8 : 128);
  const int64_t left = least(walk->blocks, 16);
  const __m128i bytes = _mm_maskz_loadu_epi8(numbersLeft((left * bits + 7) / 8), walk->zeros);
  if (bits == 8) return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
  const __m512i places = _mm512_set_epi32(28, 24, 20, 16, 12, 8, 4, 0, 28, 24, 20, 16, 12, 8, 4, 0);
  const __m512i both = _mm512_inserti64x4(_mm512_broadcastd_epi32(bytes), _mm256_broadcastd_epi32(_mm_srli_si128(bytes, 4)), 1);
  return _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srlv_epi32(both, places), _mm512_set1_epi32(15)));
}

/** What a step of the next 16 blocks is worth in each row; what zero points are worth is taken off the sums. */
INLINE void weighBlocks(const Walk *walk, float (*worths)[16], __m512 *sums, const int bits, const int rows) {
  const __m512 scales = loadScales(walk->scales, walk->scaleBytes, walk->blocks);
  const __m512 zeros = _mm512_mul_ps(scales, nextZeros(walk, bits));
  UNROLLED
  for (int row = 0; row < rows; row++) {
    const int64_t at = row * walk->rowBlocks;
    _mm512_store_ps(worths[row], _mm512_mul_ps(scales, _mm512_loadu_ps(walk->sizes + at)));
    sums[row] = _mm512_fnmadd_ps(zeros, _mm512_loadu_ps(walk->sums + at), sums[row]);
  }
}

/** 64 numbers of the matrix each, in the order that rows have. */
INLINE void loadStep(const uint8_t *values, int64_t bytes, __m512i parts[2], const int bits, const int block) {
  UNROLLED
  for (int at = 0; at < STEP_BYTES(bits, block); at += 64) {
    _mm_prefetch((const char *)values + at + AHEAD, _MM_HINT_T0);
    parts[at / 64] = _mm512_maskz_loadu_epi8(bytesLeft(bytes - at), values + at);
  }
  if (bits == 8) return; // Their order is that of the rows already.
  const __m512i low = _mm512_set1_epi8(15);
  parts[1] = _mm512_and_si512(_mm512_srli_epi16(parts[0], 4), low);
  parts[0] = _mm512_and_si512(parts[0], low);
}

INLINE __m512i multiplyStep(const __m512i parts[2], const int8_t *numbers, const int count) {
  __m512i sums = _mm512_setzero_si512();
  UNROLLED
  for (int at = 0; at < count; at += 64) sums = _mm512_dpbusd_epi32(sums, parts[at / 64], _mm512_loadu_si512(numbers + at));
  return sums;
}

/** Lanes added up by fours: of each four sums the first one is of the first vector. */
INLINE __m512i addFours(const __m512i vectors[4]) {
  __m512i pairs[2];
  for (int each = 0; each < 2; each++) {
    const __m512i one = vectors[2 * each], other = vectors[2 * each + 1];
    pairs[each] = _mm512_add_epi32(_mm512_unpacklo_epi32(one, other), _mm512_unpackhi_epi32(one, other));
  }
  return _mm512_add_epi32(_mm512_unpacklo_epi64(pairs[0], pairs[1]), _mm512_unpackhi_epi64(pairs[0], pairs[1]));
}

/** What steps are worth in the lanes of such sums, where each vector holds so many blocks. */
INLINE __m512 spread(const float *worths, const int blocks) {
  if (blocks == 1) return _mm512_broadcast_f32x4(_mm_load_ps(worths));
  if (blocks == 2) {
    const __m512i lanes = _mm512_set_epi32(7, 5, 3, 1, 7, 5, 3, 1, 6, 4, 2, 0, 6, 4, 2, 0);
    return _mm512_permutexvar_ps(lanes, _mm512_castps256_ps512(_mm256_load_ps(worths)));
  }
  const __m512i lanes = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
  return _mm512_permutexvar_ps(lanes, _mm512_load_ps(worths));
}

/** Four steps, of which so many are left, against all rows. */
INLINE void multiplySteps(const Walk *walk, int64_t first, int64_t left, float (*worths)[16], __m512 *sums,
                          const int bits, const int block, const int rows) {
  const int count = STEP_NUMBERS(bits, block), bytes = STEP_BYTES(bits, block), blocks = STEP_BLOCKS(bits, block);
  const int64_t bytesInAll = walk->blocks * block * bits / 8;
  __m512i parts[4][2];
  UNROLLED
  for (int step = 0; step < 4; step++) {
    const int64_t at = (first + step) * bytes;
    loadStep(walk->values + at, bytesInAll - at, parts[step], bits, block);
  }
  UNROLLED
  for (int row = 0; row < rows; row++) {
    __m512i found[4];
    UNROLLED
    for (int step = 0; step < 4; step++) {
      const int8_t *numbers = walk->numbers + row * walk->rowNumbers + (first + step) * count;
      found[step] = step < left ? multiplyStep(parts[step], numbers, count) : _mm512_setzero_si512();
    }
    sums[row] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(addFours(found)), spread(worths[row] + first * blocks, blocks), sums[row]);
  }
}

/** The next 16 blocks, or as many as are left, against all rows. */
INLINE void multiply16(const Walk *walk, __m512 *sums, const int bits, const int block, const int rows) {
  float worths[ROWS_AT_ONCE][16] __attribute__((aligned(64)));
  _mm_prefetch((const char *)walk->scales + AHEAD * 8 / (bits * block) * walk->scaleBytes, _MM_HINT_T0);
  weighBlocks(walk, worths, sums, bits, rows);
  const int64_t steps = ceilDivide(least(walk->blocks, 16), STEP_BLOCKS(bits, block));
  for (int64_t step = 0; step < steps; step += 4) multiplySteps(walk, step, steps - step, worths, sums, bits, block, rows);
}

/** Some blocks of a column, whose 16 sums are not added up yet. Those after the first ones go on with them. */
INLINE void multiplyColumn(Walk walk, int64_t blocks, bool areFirst, float (*found)[4][16], const int bits, const int block,
                           const int rows) {
  __m512 sums[ROWS_AT_ONCE];
  UNROLLED
  for (int row = 0; row < rows; row++) sums[row] = areFirst ? _mm512_setzero_ps() : _mm512_load_ps(found[row][0]);
  for (; blocks >= 16 && walk.blocks >= 16; blocks -= 16, advance16(&walk, bits, block)) {
    Walk whole = walk;
    whole.blocks = 16; // A constant: nothing is asked about an end.
    multiply16(&whole, sums, bits, block, rows);
  }
  if (blocks > 0 && walk.blocks > 0) multiply16(&walk, sums, bits, block, rows);
  UNROLLED
  for (int row = 0; row < rows; row++) _mm512_store_ps(found[row][0], sums[row]);
}

/** The sums of each of four columns, added up. */
INLINE __m128 addColumns(float (*columns)[16]) {
  __m512d pairs[2];
  for (int each = 0; each < 2; each++) {
    const __m512 one = _mm512_load_ps(columns[2 * each]), other = _mm512_load_ps(columns[2 * each + 1]);
    pairs[each] = _mm512_castps_pd(_mm512_add_ps(_mm512_unpacklo_ps(one, other), _mm512_unpackhi_ps(one, other)));
  }
  const __m512 front = _mm512_castpd_ps(_mm512_unpacklo_pd(pairs[0], pairs[1]));
  const __m512 fours = _mm512_add_ps(front, _mm512_castpd_ps(_mm512_unpackhi_pd(pairs[0], pairs[1])));
  const __m256 twos = _mm256_add_ps(_mm512_castps512_ps256(fours), _mm512_extractf32x8_ps(fours, 1));
  return _mm_add_ps(_mm256_castps256_ps128(twos), _mm256_extractf128_ps(twos, 1));
}

/** Adds up what four columns have found, or as many as there are. */
INLINE void storeColumns(const BlockMatrix *matrix, float (*found)[4][16], int64_t column, int64_t columns, float *product,
                         const int rows) {
  const __mmask8 mask = (__mmask8)numbersLeft(columns);
  const __m128 bias = matrix->bias ? _mm_maskz_loadu_ps(mask, matrix->bias + column) : _mm_setzero_ps();
  UNROLLED
  for (int row = 0; row < rows; row++) {
    _mm_mask_storeu_ps(product + row * matrix->out + column, mask, _mm_add_ps(addColumns(found[row]), bias));
  }
}

/** Four columns, or as many as are left: of all rows as much at a time as stays next to the processor. */
INLINE void multiplyFour(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t column, int64_t columns,
                         float *product, const int bits, const int block, const int rows) {
  float found[ROWS_AT_ONCE][4][16] __attribute__((aligned(64)));
  if (columns < 4) memset(found, 0, sizeof found);
  const int64_t some = NEAR_NUMBERS / rows / block / 16 * 16;
  for (int64_t first = 0; first < matrix->in / block; first += some) {
    for (int64_t each = 0; each < columns; each++) {
      const Walk walk = startWalk(matrix, rounded, column + each, first, bits, block);
      multiplyColumn(walk, some, first == 0, (float(*)[4][16])found[0][each], bits, block, rows);
    }
  }
  storeColumns(matrix, found, column, columns, product, rows);
}

INLINE void multiplyColumns(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t from, int64_t to, float *product,
                            const int bits, const int block, const int rows) {
  for (int64_t column = from; column < to; column += 4) {
    multiplyFour(matrix, rounded, column, least(4, to - column), product, bits, block, rows);
  }
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
