#include "block-product.h"

#include <math.h>
#include <string.h>

#include "block-steps.h"

/** Of few rows: how much of the values is a piece, and as many pieces as keep threads busy that have less. */
enum { PIECE_BYTES = 1 << 19, LEAST_BYTES = 1 << 17, BUSY_PIECES = 16, LONG_ROW = 4096 };
/**
 * Tiles of a piece, of many rows. Where rows are long, hundreds of them are more than a processor's own cache holds: then they
 * come by for two tiles at a time. Otherwise more threads have something to do.
 */
static int64_t pieceTiles(const BlockMatrix *matrix) { return matrix->in > LONG_ROW ? PIECE_TILES : 1; }

bool isBlockMatrix(int64_t in, int64_t out, int64_t bits, int64_t block) {
  const bool isKnown = (bits == 4 || bits == 8) && (block == 32 || block == 64 || block == 128);
  const int64_t longest = (int64_t)1 << 28; // Lengths of its parts are then numbers too.
  return isKnown && in > 0 && out > 0 && in < longest && out < longest && in % block == 0;
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
  const bool areFew = rows <= FEW_ROWS;
  placed.rowNumbers = areFew ? placed.groups * GROUP : GROUP;
  placed.groupNumbers = areFew ? GROUP : rows * GROUP;
  placed.rowBlocks = areFew ? placed.blocks : 1;
  placed.nextBlock = areFew ? 1 : rows;
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

/** What there is for a block, by its place among those of all. */
static void noteBlock(const RoundedRows *rounded, int64_t place, float size, int32_t sum) {
  rounded->sizes[place] = size;
  rounded->sums[place] = size * (float)sum;
  rounded->negativeSteps[place] = (int32_t)(0u - (uint32_t)sum);
}

AVX512 void roundRow(const BlockMatrix *matrix, const float *numbers, const RoundedRows *rounded, int64_t row) {
  const bool haveHalves = matrix->bits == 4 && rounded->rows <= FEW_ROWS;
  int8_t *group = rounded->values + row * rounded->rowNumbers;
  int64_t place = row * rounded->rowBlocks;
  for (int64_t first = 0; first < matrix->in; first += GROUP, group += rounded->groupNumbers) {
    int8_t steps[GROUP] = {0};
    for (int64_t at = first; at < least(first + GROUP, matrix->in); at += matrix->block, place += rounded->nextBlock) {
      float size;
      int32_t sum;
      roundBlock(numbers + at, matrix->block, steps + (at - first), &size, &sum);
      noteBlock(rounded, place, size, sum);
    }
    if (haveHalves) partPlaces(steps, group);
    else memcpy(group, steps, GROUP);
  }
  for (int64_t block = blocksOf(matrix); block < rounded->blocks; block++, place += rounded->nextBlock) noteBlock(rounded, place, 0, 0);
}

AVX512 void normRow(const Norm *norm, const float *one, const float *other, float *sum, float *normed) {
  __m512 squares[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  for (int64_t at = 0; at < norm->in; at += 16) {
    const __m512 numbers = _mm512_add_ps(_mm512_loadu_ps(one + at), _mm512_loadu_ps(other + at));
    _mm512_storeu_ps(sum + at, numbers);
    squares[at / 16 % 2] = _mm512_fmadd_ps(numbers, numbers, squares[at / 16 % 2]);
  }
  const float mean = _mm512_reduce_add_ps(_mm512_add_ps(squares[0], squares[1])) / (float)norm->in;
  const __m512 scale = _mm512_set1_ps(1.0f / sqrtf(mean + norm->epsilon));
  for (int64_t at = 0; at < norm->in; at += 16) {
    const __m512 scaled = _mm512_mul_ps(_mm512_loadu_ps(sum + at), scale);
    _mm512_storeu_ps(normed + at, _mm512_mul_ps(scaled, _mm512_loadu_ps(norm->gamma + at)));
  }
}

/* Pieces. */

int64_t countPieces(const BlockMatrix *matrix, int64_t rows) {
  if (rows > FEW_ROWS) return ceilDivide(matrix->out, pieceTiles(matrix) * TILE_COLUMNS);
  const int64_t bytes = matrix->out * rowBytes(matrix);
  const int64_t some = least(BUSY_PIECES, ceilDivide(bytes, LEAST_BYTES)), many = ceilDivide(bytes, PIECE_BYTES);
  return many > some ? many : some;
}

void pieceColumns(const BlockMatrix *matrix, int64_t rows, int64_t piece, int64_t *from, int64_t *to) {
  const int64_t pieces = countPieces(matrix, rows);
  const bool areMany = rows > FEW_ROWS;
  const int64_t columns = pieceTiles(matrix) * TILE_COLUMNS;
  *from = areMany ? piece * columns : matrix->out * piece / pieces;
  *to = areMany ? least(*from + columns, matrix->out) : matrix->out * (piece + 1) / pieces;
}

void multiplyPiece(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t piece, float *product) {
  int64_t from, to;
  pieceColumns(matrix, rounded->rows, piece, &from, &to);
  if (rounded->rows > FEW_ROWS) multiplyTiles(matrix, rounded, from, to, product);
  else walkColumns[matrix->bits == 8][blockPlace(matrix)](matrix, rounded, from, to, product);
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
