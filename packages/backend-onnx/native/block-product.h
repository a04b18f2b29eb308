/**
 * Products of rows of float32 with a matrix in blocks of 4 or 8 bits, as MatMulNBits stores it
 * (onnxruntime, docs/ContribOperators.md). The matrix is read where it stands, so a mapped file needs no
 * copy: instead few rows are brought into the order in which its bytes give up their numbers.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** out × in numbers: q is worth (q - zero) * scale. A row of blocks follows the other. */
typedef struct {
  int64_t in, out;
  /** 4 or 8. */
  int bits;
  /** Neighbouring numbers of a row that share a scale: 32, 64 or 128. */
  int block;
  /** [out, blocks, block * bits / 8]; of 4 bits the lower half of a byte comes first. */
  const uint8_t *values;
  /** [out, blocks]: float32 numbers of 4 bytes each, or float16 of 2. */
  const uint8_t *scales;
  int scaleBytes;
  /** [out, blocks], in bits as the values; NULL for the middle of their range. */
  const uint8_t *zeros;
  /** [out], or NULL. */
  const float *bias;
} BlockMatrix;

/** Rows rounded to int8, each block of numbers by itself. Groups are 128 numbers, the last filled up with zeros. */
typedef struct {
  int64_t rows, groups;
  /** Blocks of a row, filled up to a multiple of 16. */
  int64_t blocks;
  /** From a row, and from a group, to the next one. Of few rows a row follows the other, of many a group does. */
  int64_t rowNumbers, groupNumbers;
  /** Likewise, of what there is for each block. */
  int64_t rowBlocks, nextBlock;
  /** Groups of 128: of few rows by 4 bits first the numbers at even places, then those at odd ones. */
  int8_t *values;
  /** What a step of a block is worth. */
  float *sizes;
  /** The sum of a block's numbers, as float32 and, with its sign turned, in steps. */
  float *sums;
  int32_t *negativeSteps;
} RoundedRows;

/** These products need a processor with AVX-512 (F, BW, DQ, VL) and VNNI. */
bool isBlockMatrix(int64_t in, int64_t out, int64_t bits, int64_t block);

/** Whether products of many rows may use AMX from now on: false where the processor or the system has none. */
bool allowAmx(bool isWanted);
bool hasAmx(void);

/** Bytes that `rows` rows take when they are rounded. */
size_t roundedBytes(const BlockMatrix *matrix, int64_t rows);
RoundedRows placeRounded(const BlockMatrix *matrix, int64_t rows, void *memory);
void roundRow(const BlockMatrix *matrix, const float *numbers, const RoundedRows *rounded, int64_t row);

/** RMSNorm (Zhang and Sennrich, 2019) of a row that is a sum of two: both are written. */
typedef struct {
  /** [in]. */
  const float *gamma;
  /** A multiple of 16. */
  int64_t in;
  float epsilon;
} Norm;
void normRow(const Norm *norm, const float *one, const float *other, float *sum, float *normed);

/** Pieces of the matrix that can be multiplied by themselves, at the same time. */
int64_t countPieces(const BlockMatrix *matrix, int64_t rows);
/** [rows, out]: writes the columns that belong to a piece. */
void multiplyPiece(const BlockMatrix *matrix, const RoundedRows *rounded, int64_t piece, float *product);

/** The columns of a piece. */
void pieceColumns(const BlockMatrix *matrix, int64_t rows, int64_t piece, int64_t *from, int64_t *to);
/** SwiGLU (Shazeer, 2020) of some columns of [rows, out]: gate becomes silu(gate) · up. */
void gateColumns(float *gate, const float *up, int64_t rows, int64_t out, int64_t from, int64_t to);
