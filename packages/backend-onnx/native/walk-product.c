/**
 * Few rows: each column of the product is a walk along a row of the matrix, which is read as fast as memory
 * gives it if little else is to be done. Four columns far from each other are walked along together: what a
 * processor reads ahead of a walk ends with the page, and while one waits for its next page the others go on. Their
 * sums lie side by side, so that numbers of a row, which all four meet, are loaded once. Scales and zero points
 * are worked out for 16 blocks at a time.
 */
#include "block-steps.h"

enum {
  WALKS = 4,
  /**
   * How far ahead of their use values are asked for, in bytes: first into the larger cache of a core, then into the one
   * next to it. A core waits for only so much memory at a time, and for more of it in its larger cache.
   */
  FAR_AHEAD = 2048,
  AHEAD = 1024,
  /** Scales and zero points of several rows lie side by side: a line of the cache or two at a time. */
  SCALES_AHEAD = 256,
  ZEROS_AHEAD = 128,
  /** Walks that begin further apart get in each other's way, and such as are nearer end too often. */
  STRETCH_BYTES = 1 << 18,
};

/** The next blocks of four rows of the matrix, and of all rounded rows. */
typedef struct {
  int64_t blocks;
  /** Zero points may be NULL. */
  const uint8_t *values[WALKS], *scales[WALKS], *zeros[WALKS];
  int scaleBytes;
  const int8_t *numbers;
  const float *sizes, *sums;
  /** From a row to the next one. */
  int64_t rowNumbers, rowBlocks;
} Walk;

INLINE Walk startWalk(const BlockMatrix *matrix, const RoundedRows *rounded, const int64_t columns[WALKS]) {
  Walk walk = {
      .blocks = blocksOf(matrix),
      .scaleBytes = matrix->scaleBytes,
      .numbers = rounded->values,
      .sizes = rounded->sizes,
      .sums = rounded->sums,
      .rowNumbers = rounded->rowNumbers,
      .rowBlocks = rounded->rowBlocks,
  };
  UNROLLED
  for (int each = 0; each < WALKS; each++) {
    walk.values[each] = matrix->values + columns[each] * rowBytes(matrix);
    walk.scales[each] = scalesAt(matrix, columns[each], 0);
    walk.zeros[each] = matrix->zeros ? matrix->zeros + columns[each] * zeroBytes(matrix) : NULL;
  }
  return walk;
}

INLINE void advance16(Walk *walk, const int bits, const int block) {
  walk->blocks -= 16;
  UNROLLED
  for (int each = 0; each < WALKS; each++) {
    walk->values[each] += 2 * block * bits;
    walk->scales[each] += 16 * walk->scaleBytes;
    if (walk->zeros[each]) walk->zeros[each] += 2 * bits;
  }
  walk->numbers += 16 * block;
  walk->sizes += 16;
  walk->sums += 16;
}

/** Numbers that are added up together: those of 64 bytes of the matrix, or a block if it is longer. */
#define STEP_NUMBERS(bits, block) ((bits) == 4 || (block) == GROUP ? GROUP : 64)
#define STEP_BYTES(bits, block) (STEP_NUMBERS(bits, block) * (bits) / 8)
#define STEP_BLOCKS(bits, block) (STEP_NUMBERS(bits, block) / (block))

/** 16 blocks of each column become four blocks of all columns each. */
INLINE void sortByBlock(__m512 columns[WALKS]) {
  const __m512i low = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const __m512i lowPairs = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0);
  __m512d sorted[WALKS];
  UNROLLED
  for (int half = 0; half < 2; half++) {
    const __m512i places = _mm512_add_epi32(low, _mm512_set1_epi32(8 * half));
    const __m512d left = _mm512_castps_pd(_mm512_permutex2var_ps(columns[0], places, columns[1]));
    const __m512d right = _mm512_castps_pd(_mm512_permutex2var_ps(columns[2], places, columns[3]));
    sorted[2 * half] = _mm512_permutex2var_pd(left, lowPairs, right);
    sorted[2 * half + 1] = _mm512_permutex2var_pd(left, _mm512_add_epi64(lowPairs, _mm512_set1_epi64(4)), right);
  }
  UNROLLED
  for (int each = 0; each < WALKS; each++) columns[each] = _mm512_castpd_ps(sorted[each]);
}

/** Of the next blocks, in that order. */
INLINE void sortedScales(const Walk *walk, __m512 scales[WALKS]) {
  UNROLLED
  for (int each = 0; each < WALKS; each++) scales[each] = loadScales(walk->scales[each], walk->scaleBytes, walk->blocks);
  sortByBlock(scales);
}

/** The bytes of zero points, column after column: 8 of each, or 16. */
INLINE __m512i zeroBytesOf(const Walk *walk, const int bits) {
  const __mmask16 some = numbersLeft((least(walk->blocks, 16) * bits + 7) / 8);
  __m128i bytes[WALKS];
  UNROLLED
  for (int each = 0; each < WALKS; each++) bytes[each] = _mm_maskz_loadu_epi8(some, walk->zeros[each]);
  if (bits == 4) {
    const __m128i front = _mm_unpacklo_epi64(bytes[0], bytes[1]), back = _mm_unpacklo_epi64(bytes[2], bytes[3]);
    return _mm512_castsi256_si512(_mm256_setr_m128i(front, back));
  }
  const __m256i front = _mm256_setr_m128i(bytes[0], bytes[1]), back = _mm256_setr_m128i(bytes[2], bytes[3]);
  return _mm512_inserti64x4(_mm512_castsi256_si512(front), back, 1);
}

/** Lanes of four blocks of all columns: which column, and which block, times `factor`. */
INLINE __m512i columnsBy(const int factor) {
  const __m512i columns = _mm512_set_epi32(3, 2, 1, 0, 3, 2, 1, 0, 3, 2, 1, 0, 3, 2, 1, 0);
  return _mm512_mullo_epi32(columns, _mm512_set1_epi32(factor));
}
INLINE __m512i blocksBy(const int factor) {
  const __m512i blocks = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
  return _mm512_mullo_epi32(blocks, _mm512_set1_epi32(factor));
}

/** Four blocks of a column stand in the same 32 bits, of 4 bits in a half of them. */
INLINE void sortedZeros(const Walk *walk, __m512 zeros[WALKS], const int bits) {
  const __m512i bytes = walk->zeros[0] ? zeroBytesOf(walk, bits) : _mm512_set1_epi8(bits == 4 ? 0x88 : (char)0x80);
  UNROLLED
  for (int four = 0; four < 4; four++) {
    const int at = four * 4 * bits;
    const __m512i words = _mm512_add_epi32(columnsBy(bits / 2), _mm512_set1_epi32(at / 32));
    const __m512i places = _mm512_add_epi32(blocksBy(bits), _mm512_set1_epi32(at % 32));
    const __m512i found = _mm512_srlv_epi32(_mm512_permutexvar_epi32(words, bytes), places);
    zeros[four] = _mm512_cvtepi32_ps(_mm512_and_si512(found, _mm512_set1_epi32((1 << bits) - 1)));
  }
}

/** The `four`-th four of a row's blocks, in that order. */
INLINE __m512 forColumns(__m512 blocks, const int four) {
  return _mm512_permutexvar_ps(_mm512_add_epi32(blocksBy(1), _mm512_set1_epi32(4 * four)), blocks);
}

/** What a step of the next 16 blocks is worth in each row; what zero points are worth is taken off the sums. */
INLINE void weighBlocks(const Walk *walk, float (*worths)[16 * WALKS], __m512 *sums, const int bits, const int rows) {
  __m512 scales[WALKS], zeros[WALKS];
  sortedScales(walk, scales);
  sortedZeros(walk, zeros, bits);
  UNROLLED
  for (int four = 0; four < 4; four++) zeros[four] = _mm512_mul_ps(zeros[four], scales[four]);
  UNROLLED
  for (int row = 0; row < rows; row++) {
    const __m512 sizes = _mm512_loadu_ps(walk->sizes + row * walk->rowBlocks);
    const __m512 rowSums = _mm512_loadu_ps(walk->sums + row * walk->rowBlocks);
    UNROLLED
    for (int four = 0; four < 4; four++) {
      _mm512_store_ps(worths[row] + 16 * four, _mm512_mul_ps(scales[four], forColumns(sizes, four)));
      sums[row] = _mm512_fnmadd_ps(zeros[four], forColumns(rowSums, four), sums[row]);
    }
  }
}

/** 64 numbers of the matrix each, in the order that rows have. */
INLINE void loadStep(const uint8_t *values, int64_t left, __m512i parts[2], const int bits, const int block) {
  UNROLLED
  for (int at = 0; at < STEP_BYTES(bits, block); at += 64) {
    _mm_prefetch((const char *)values + at + AHEAD, _MM_HINT_T0);
    _mm_prefetch((const char *)values + at + FAR_AHEAD, _MM_HINT_T1);
    parts[at / 64] = _mm512_maskz_loadu_epi8(bytesLeft(left - at), values + at);
  }
  if (bits == 8) return; // Their order is that of the rows already.
  const __m512i low = _mm512_set1_epi8(15);
  parts[1] = _mm512_and_si512(_mm512_srli_epi16(parts[0], 4), low);
  parts[0] = _mm512_and_si512(parts[0], low);
}

INLINE __m512i multiplyParts(const __m512i parts[2], const int8_t *numbers, const int count) {
  __m512i sums = _mm512_setzero_si512();
  UNROLLED
  for (int at = 0; at < count; at += 64) sums = _mm512_dpbusd_epi32(sums, parts[at / 64], _mm512_loadu_si512(numbers + at));
  return sums;
}

/** Lanes added up by fours: of each four sums the first one is of the first column. */
INLINE __m512i addFours(const __m512i columns[WALKS]) {
  __m512i pairs[2];
  UNROLLED
  for (int each = 0; each < 2; each++) {
    const __m512i one = columns[2 * each], other = columns[2 * each + 1];
    pairs[each] = _mm512_add_epi32(_mm512_unpacklo_epi32(one, other), _mm512_unpackhi_epi32(one, other));
  }
  return _mm512_add_epi32(_mm512_unpacklo_epi64(pairs[0], pairs[1]), _mm512_unpackhi_epi64(pairs[0], pairs[1]));
}

/** What such sums of a step are worth, which is of so many blocks. */
INLINE __m512 worthsOf(const float *worths, const int blocks) {
  if (blocks == 1) return _mm512_broadcast_f32x4(_mm_load_ps(worths));
  if (blocks == 4) return _mm512_load_ps(worths);
  const __m512 both = _mm512_castps256_ps512(_mm256_load_ps(worths));
  return _mm512_shuffle_f32x4(both, both, _MM_SHUFFLE(1, 1, 0, 0));
}

/** A step of all columns against all rows. */
INLINE void multiplyStep(const Walk *walk, int64_t step, float (*worths)[16 * WALKS], __m512 *sums, const int bits,
                         const int block, const int rows) {
  const int numbers = STEP_NUMBERS(bits, block), blocks = STEP_BLOCKS(bits, block);
  const int64_t at = step * STEP_BYTES(bits, block), left = walk->blocks * block * bits / 8 - at;
  __m512i parts[WALKS][2];
  UNROLLED
  for (int each = 0; each < WALKS; each++) loadStep(walk->values[each] + at, left, parts[each], bits, block);
  UNROLLED
  for (int row = 0; row < rows; row++) {
    const int8_t *from = walk->numbers + row * walk->rowNumbers + step * numbers;
    __m512i found[WALKS];
    UNROLLED
    for (int each = 0; each < WALKS; each++) found[each] = multiplyParts(parts[each], from, numbers);
    const __m512 worth = worthsOf(worths[row] + step * blocks * WALKS, blocks);
    sums[row] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(addFours(found)), worth, sums[row]);
  }
}

/** The next 16 blocks, or as many as are left. */
INLINE void multiply16(const Walk *walk, __m512 *sums, const int bits, const int block, const int rows) {
  float worths[ROWS_AT_ONCE][16 * WALKS] __attribute__((aligned(64)));
  UNROLLED
  for (int each = 0; each < WALKS; each++) {
    _mm_prefetch((const char *)walk->scales[each] + SCALES_AHEAD, _MM_HINT_T0);
    if (walk->zeros[each]) _mm_prefetch((const char *)walk->zeros[each] + ZEROS_AHEAD, _MM_HINT_T0);
  }
  weighBlocks(walk, worths, sums, bits, rows);
  const int64_t steps = ceilDivide(least(walk->blocks, 16), STEP_BLOCKS(bits, block));
  if (rows > 1) {
    for (int64_t step = 0; step < steps; step++) multiplyStep(walk, step, worths, sums, bits, block, rows);
  } else {
    UNROLLED_BY_8 // One row has so little to compute that counting steps takes its time as well.
    for (int64_t step = 0; step < steps; step++) multiplyStep(walk, step, worths, sums, bits, block, rows);
  }
}

/** A sum of each column. */
INLINE void storeSums(const BlockMatrix *matrix, const int64_t columns[WALKS], __m512 sums, float *product) {
  float found[WALKS] __attribute__((aligned(16)));
  _mm_store_ps(found, addQuarters(sums));
  UNROLLED
  for (int each = 0; each < WALKS; each++) {
    product[columns[each]] = found[each] + (matrix->bias ? matrix->bias[columns[each]] : 0);
  }
}

INLINE void multiplyFour(const BlockMatrix *matrix, const RoundedRows *rounded, const int64_t columns[WALKS], float *product,
                         const int bits, const int block, const int rows) {
  __m512 sums[ROWS_AT_ONCE];
  UNROLLED
  for (int row = 0; row < rows; row++) sums[row] = _mm512_setzero_ps();
  Walk walk = startWalk(matrix, rounded, columns);
  for (; walk.blocks >= 16; advance16(&walk, bits, block)) {
    Walk whole = walk;
    whole.blocks = 16; // A constant: nothing is asked about an end.
    multiply16(&whole, sums, bits, block, rows);
  }
  if (walk.blocks > 0) multiply16(&walk, sums, bits, block, rows);
  UNROLLED
  for (int row = 0; row < rows; row++) storeSums(matrix, columns, sums[row], product + row * matrix->out);
}

/** Each walk has a quarter of the columns. One that has none left goes along the last one again. */
INLINE void multiplyQuarters(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t from, int64_t to, float *product,
                             const int bits, const int block, const int rows) {
  const int64_t quarter = ceilDivide(to - from, WALKS);
  for (int64_t at = 0; at < quarter; at++) {
    int64_t columns[WALKS];
    UNROLLED
    for (int each = 0; each < WALKS; each++) columns[each] = least(from + each * quarter + at, to - 1);
    multiplyFour(matrix, rounded, columns, product, bits, block, rows);
  }
}

/** Rows from `row` on: what the next ones need of the matrix is still in the processor's cache. */
static RoundedRows someRows(const RoundedRows *rounded, int64_t row) {
  RoundedRows some = *rounded;
  some.rows = least(rounded->rows - row, ROWS_AT_ONCE);
  some.values += row * rounded->rowNumbers;
  some.sizes += row * rounded->rowBlocks;
  some.sums += row * rounded->rowBlocks;
  some.negativeSteps += row * rounded->rowBlocks;
  return some;
}

INLINE void multiplyRows(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t from, int64_t to, float *product,
                         const int bits, const int block) {
  for (int64_t row = 0; row < rounded->rows; row += ROWS_AT_ONCE) {
    const RoundedRows some = someRows(rounded, row);
    float *out = product + row * matrix->out;
    switch (some.rows) {
      case 1: multiplyQuarters(matrix, &some, from, to, out, bits, block, 1); break;
      case 2: multiplyQuarters(matrix, &some, from, to, out, bits, block, 2); break;
      case 3: multiplyQuarters(matrix, &some, from, to, out, bits, block, 3); break;
      case 4: multiplyQuarters(matrix, &some, from, to, out, bits, block, 4); break;
      case 5: multiplyQuarters(matrix, &some, from, to, out, bits, block, 5); break;
      default: multiplyQuarters(matrix, &some, from, to, out, bits, block, 6);
    }
  }
}

/** A piece in stretches of equal length. */
INLINE void multiplyStretches(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t from, int64_t to, float *product,
                              const int bits, const int block) {
  const int64_t columns = to - from;
  const int64_t stretches = least(ceilDivide(columns * rowBytes(matrix), STRETCH_BYTES), ceilDivide(columns, WALKS));
  for (int64_t each = 0; each < stretches; each++) {
    const int64_t first = from + columns * each / stretches, end = from + columns * (each + 1) / stretches;
    multiplyRows(matrix, rounded, first, end, product, bits, block);
  }
}

/** One function for each kind of matrix, whose loops know its lengths. */
#define WALK(bits, block)                                                                                          \
  AVX512 static void walk##bits##x##block(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t from,     \
                                          int64_t to, float *product) {                                            \
    multiplyStretches(matrix, rounded, from, to, product, bits, block);                                            \
  }
WALK(4, 32)
WALK(4, 64)
WALK(4, 128)
WALK(8, 32)
WALK(8, 64)
WALK(8, 128)

WalkColumns *const walkColumns[2][3] = {{walk4x32, walk4x64, walk4x128}, {walk8x32, walk8x64, walk8x128}};
