/**
 * Tiles of a product in registers of AMX (Intel's Xeon since Sapphire Rapids): one instruction multiplies 16 rows by 16
 * columns of 64 numbers (Intel 64 and IA-32 Architectures Software Developer's Manual, "Programming with Intel AMX").
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "panel.h"

#define AMX __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,amx-tile,amx-int8")))

enum {
  /** A tile of the product takes two by two registers. */
  TILE_ROWS = 2 * REGISTER_ROWS,
  /** Numbers that a register holds of a row. */
  REGISTER_NUMBERS = 64,
  /** From a four of a panel to the next one, and from a row of what was found, in bytes. */
  FOUR_BYTES = TILE_COLUMNS * 4,
  FOUND_BYTES = TILE_COLUMNS * 4,
};

/** Registers: sums of upper and lower rows by left and right columns, then those rows and columns. */
enum { UPPER_LEFT, UPPER_RIGHT, LOWER_LEFT, LOWER_RIGHT, UPPER, LOWER, LEFT, RIGHT };

/* Whether there is AMX. */

/** Linux lets a process use these registers when it has asked for them (Documentation/arch/x86/xstate.rst). */
enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };

static bool askForAmx(void) {
  unsigned int a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  const bool hasTiles = d >> 24 & 1, hasInt8 = d >> 25 & 1;
  return hasTiles && hasInt8 && syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

static _Atomic bool isAllowed;

bool allowAmx(bool isWanted) { return isAllowed = isWanted && askForAmx(); }
bool hasAmx(void) { return isAllowed; }

/* Shapes. */

/** What LDTILECFG loads. */
typedef struct {
  uint8_t palette, startRow, reserved[14];
  uint16_t rowBytes[16];
  uint8_t rows[16];
} Shapes;

static void shape(Shapes *shapes, int name, int rows, int bytes) {
  shapes->rows[name] = (uint8_t)rows;
  shapes->rowBytes[name] = (uint16_t)bytes;
}

/** For so many rows, and so many numbers of each at a time. Rows that there are none of have no registers. */
AMX static void useShapes(int upper, int lower, int numbers) {
  Shapes shapes = {.palette = 1};
  shape(&shapes, UPPER, upper, numbers);
  for (int sums = UPPER_LEFT; sums <= UPPER_RIGHT; sums++) shape(&shapes, sums, upper, 64);
  for (int columns = LEFT; columns <= RIGHT; columns++) shape(&shapes, columns, numbers / 4, 64);
  if (lower > 0) {
    shape(&shapes, LOWER, lower, numbers);
    for (int sums = LOWER_LEFT; sums <= LOWER_RIGHT; sums++) shape(&shapes, sums, lower, 64);
  }
  _tile_loadconfig(&shapes);
}

/* Products. */

#define AMX_INLINE static inline __attribute__((always_inline)) AMX

/** Products of a block's numbers with those of 32 columns, for all rows of a tile. */
typedef int32_t Found[TILE_ROWS][TILE_COLUMNS];

AMX_INLINE void findBlock(const int8_t *rows, const uint8_t *columns, Found found, const int size, const bool hasLower) {
  const int numbers = size < REGISTER_NUMBERS ? size : REGISTER_NUMBERS;
  _tile_zero(UPPER_LEFT);
  _tile_zero(UPPER_RIGHT);
  if (hasLower) _tile_zero(LOWER_LEFT);
  if (hasLower) _tile_zero(LOWER_RIGHT);
  UNROLLED
  for (int at = 0; at < size; at += numbers) {
    _tile_loadd(LEFT, columns + at * TILE_COLUMNS, FOUR_BYTES);
    _tile_loadd(UPPER, rows + at, GROUP);
    _tile_dpbsud(UPPER_LEFT, UPPER, LEFT);
    _tile_loadd(RIGHT, columns + at * TILE_COLUMNS + 64, FOUR_BYTES);
    _tile_dpbsud(UPPER_RIGHT, UPPER, RIGHT);
    if (!hasLower) continue;
    _tile_loadd(LOWER, rows + at + REGISTER_ROWS * GROUP, GROUP);
    _tile_dpbsud(LOWER_LEFT, LOWER, LEFT);
    _tile_dpbsud(LOWER_RIGHT, LOWER, RIGHT);
  }
  _tile_stored(UPPER_LEFT, found[0], FOUND_BYTES);
  _tile_stored(UPPER_RIGHT, found[0] + 16, FOUND_BYTES);
  if (hasLower) _tile_stored(LOWER_LEFT, found[REGISTER_ROWS], FOUND_BYTES);
  if (hasLower) _tile_stored(LOWER_RIGHT, found[REGISTER_ROWS] + 16, FOUND_BYTES);
}

/** Adds what some blocks are worth to the sums, from the `at`-th of the panel on. Meanwhile the next group of the rows is asked for. */
AMX_INLINE void addBlocks(const RoundedRows *rounded, const Panel *panel, int64_t row, int64_t at, const Found *found, Sums *sums,
                          int rows, const int blocks, const int size) {
  const int64_t block = panel->firstGroup * (GROUP / size) + at, place = sizePlace(rounded, row, block);
  const int8_t *next = blockValues(rounded, row, block, size) + rounded->groupNumbers;
  __m512i zeros[MOST_BLOCKS][2];
  __m512 scales[MOST_BLOCKS][2];
  UNROLLED
  for (int each = 0; each < blocks; each++) {
    UNROLLED
    for (int side = 0; side < 2; side++) {
      const int64_t columns = (at + each) * TILE_COLUMNS + 16 * side;
      zeros[each][side] = _mm512_load_si512(panel->zeros + columns);
      scales[each][side] = _mm512_load_ps(panel->scales + columns);
    }
  }
  for (int own = 0; own < rows; own++) {
    _mm_prefetch((const char *)next + own * GROUP, _MM_HINT_T0);
    _mm_prefetch((const char *)next + own * GROUP + 64, _MM_HINT_T0);
    UNROLLED
    for (int side = 0; side < 2; side++) {
      __m512 sum = _mm512_load_ps(sums[own] + 16 * side);
      UNROLLED
      for (int each = 0; each < blocks; each++) {
        const int64_t from = place + each * rounded->nextBlock + own;
        const __m512i steps = addZeros(_mm512_load_si512(found[each][own] + 16 * side), zeros[each][side], rounded->negativeSteps[from]);
        sum = addWorth(sum, steps, scales[each][side], rounded->sizes[from]);
      }
      _mm512_store_ps(sums[own] + 16 * side, sum);
    }
  }
}

/** What a panel adds to a tile of sums, group by group. */
AMX_INLINE void multiplyTile(const BlockMatrix *matrix, const RoundedRows *rounded, const Panel *panel, int64_t row, Sums *sums,
                             const int size, int rows, const bool hasLower) {
  const int inGroup = GROUP / size;
  _Alignas(64) Found found[MOST_BLOCKS];
  const int64_t blocks = panelBlocks(matrix, panel);
  for (int64_t at = 0; at < blocks; at += inGroup) {
    const int64_t some = least(blocks - at, inGroup), block = panel->firstGroup * inGroup + at;
    for (int64_t each = 0; each < some; each++) {
      const uint8_t *columns = panel->values + (at + each) * size * TILE_COLUMNS;
      findBlock(blockValues(rounded, row, block + each, size), columns, found[each], size, hasLower);
    }
    if (some == inGroup) addBlocks(rounded, panel, row, at, found, sums, rows, inGroup, size);
    else for (int64_t each = 0; each < some; each++) addBlocks(rounded, panel, row, at + each, found + each, sums, rows, 1, size);
  }
}

AMX_INLINE void multiplyPanel(const BlockMatrix *matrix, const RoundedRows *rounded, const Panel *panel, int64_t row, int64_t count,
                              Sums *sums, const int size) {
  const int numbers = size < REGISTER_NUMBERS ? size : REGISTER_NUMBERS;
  int64_t at = 0;
  if (count >= TILE_ROWS) useShapes(REGISTER_ROWS, REGISTER_ROWS, numbers);
  for (; at + TILE_ROWS <= count; at += TILE_ROWS) multiplyTile(matrix, rounded, panel, row + at, sums + at, size, TILE_ROWS, true);
  const int left = (int)(count - at);
  if (left > REGISTER_ROWS) {
    useShapes(REGISTER_ROWS, left - REGISTER_ROWS, numbers);
    multiplyTile(matrix, rounded, panel, row + at, sums + at, size, left, true);
  } else if (left > 0) {
    useShapes(left, 0, numbers);
    multiplyTile(matrix, rounded, panel, row + at, sums + at, size, left, false);
  }
  // ONNX Runtime's own kernels look whether their shapes are still there, and take half of them for all.
  // What was released they load again, and whoever is scheduled next need not have it saved.
  _tile_release();
}

/** One function for each size of blocks, whose loops know it. */
#define PANEL(size)                                                                                              \
  AMX static void multiply##size(const BlockMatrix *matrix, const RoundedRows *rounded, const Panel *panel,      \
                                 int64_t row, int64_t count, Sums *sums) {                                       \
    multiplyPanel(matrix, rounded, panel, row, count, sums, size);                                               \
  }
PANEL(32)
PANEL(64)
PANEL(128)

MultiplyPanel *const panelsByAmx[3] = {multiply32, multiply64, multiply128};
