/**
 * Some groups of 32 columns of the matrix, unpacked into the order in which tiles of a product read them: few
 * enough that they stay in the cache next to the processor while rows go by.
 */
#pragma once
#include "block-steps.h"

enum {
  /** Groups of a panel, and blocks of a group at most. */
  PANEL_GROUPS = 8,
  MOST_BLOCKS = 4,
  /** Rows that AMX multiplies at once. */
  REGISTER_ROWS = 16,
};

typedef struct {
  /** [groups, 32 fours, 32 columns, 4 numbers]. */
  _Alignas(64) uint8_t values[PANEL_GROUPS * GROUP * TILE_COLUMNS];
  /** [blocks, 32 columns]. */
  _Alignas(64) float scales[PANEL_GROUPS * MOST_BLOCKS * TILE_COLUMNS];
  _Alignas(64) int32_t zeros[PANEL_GROUPS * MOST_BLOCKS * TILE_COLUMNS];
  int64_t firstGroup, groups;
} Panel;

/** How many of the panel's blocks the matrix has. */
static inline int64_t panelBlocks(const BlockMatrix *matrix, const Panel *panel) {
  const int64_t first = panel->firstGroup * GROUP / matrix->block;
  return least(blocksOf(matrix) - first, panel->groups * GROUP / matrix->block);
}

/** Numbers of a row in a block; those of the next row are a GROUP further on. */
static inline const int8_t *blockValues(const RoundedRows *rounded, int64_t row, int64_t block, int size) {
  return rounded->values + block * size / GROUP * rounded->groupNumbers + row * GROUP + block * size % GROUP;
}

/** Where what there is for a block of a row stands; next comes that of the next row. */
static inline int64_t sizePlace(const RoundedRows *rounded, int64_t row, int64_t block) { return block * rounded->nextBlock + row; }

/** What a zero point takes off for each step of a block: words whose upper halves are 0, so of the sum's words only the lower one counts. */
INLINE __m512i addZeros(__m512i found, __m512i zeros, int32_t negativeSteps) {
  return _mm512_dpwssd_epi32(found, zeros, _mm512_set1_epi32(negativeSteps));
}

/** Adds what 16 columns of a block are worth to their sums. */
INLINE __m512 addWorth(__m512 sums, __m512i found, __m512 scales, float stepSize) {
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(found), _mm512_mul_ps(scales, _mm512_set1_ps(stepSize)), sums);
}

/** Sums of 32 columns for one row. */
typedef float Sums[TILE_COLUMNS];

/** Adds what a panel is worth to the sums of `count` rows from `row` on. */
typedef void MultiplyPanel(const BlockMatrix *matrix, const RoundedRows *rounded, const Panel *panel, int64_t row, int64_t count, Sums *sums);
/** In blocks of 32, 64 and 128 numbers. They give the same bits; those of AMX need `hasAmx`. */
extern MultiplyPanel *const panelsByVnni[3], *const panelsByAmx[3];
