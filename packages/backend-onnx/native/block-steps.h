/** What walks and tiles have in common. */
#pragma once
#include "block-product.h"
#include "vectors.h"

enum {
  GROUP = 128,
  /** Rows that are multiplied as the matrix is read, so many at a time; more are worth unpacking it for. */
  FEW_ROWS = 24,
  ROWS_AT_ONCE = 6,
  /** Columns of the product that are unpacked together, and how often of a piece at most. */
  TILE_COLUMNS = 32,
  PIECE_TILES = 2,
};

static inline int64_t blocksOf(const BlockMatrix *matrix) { return matrix->in / matrix->block; }
static inline int64_t rowBytes(const BlockMatrix *matrix) { return matrix->in * matrix->bits / 8; }
static inline int64_t zeroBytes(const BlockMatrix *matrix) { return ceilDivide(blocksOf(matrix) * matrix->bits, 8); }
static inline const uint8_t *scalesAt(const BlockMatrix *matrix, int64_t column, int64_t block) {
  return matrix->scales + (column * blocksOf(matrix) + block) * matrix->scaleBytes;
}

/** As many of 64 bytes as are left. */
INLINE __mmask64 bytesLeft(int64_t left) { return left >= 64 ? ~0ull : left <= 0 ? 0 : (1ull << left) - 1; }

/** Scales of 16 blocks, or of as many as are left. */
INLINE __m512 loadScales(const uint8_t *scales, int scaleBytes, int64_t left) {
  if (scaleBytes == 4) return _mm512_maskz_loadu_ps(numbersLeft(left), scales);
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(numbersLeft(left), scales));
}

/** 0, 1 and 2 for blocks of 32, 64 and 128 numbers. */
static inline int blockPlace(const BlockMatrix *matrix) { return matrix->block == 32 ? 0 : matrix->block == 64 ? 1 : 2; }

/** Few rows: writes columns `from` up to `to` of the product. */
typedef void WalkColumns(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t from, int64_t to, float *product);
/** Of 4 and of 8 bits, in blocks of 32, 64 and 128 numbers. */
extern WalkColumns *const walkColumns[2][3];
/** Many rows: writes columns `from` up to `to`, PIECE_TILES times TILE_COLUMNS at most. */
void multiplyTiles(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t from, int64_t to, float *product);
