/**
 * MultiplyBlocks: numbers [..., in], values, scales, zeros?, bias? → [..., out].
 * MultiplyGated: numbers [..., in], values, scales, zeros? of a gate, and of as large a matrix → [..., out], the
 * second product times silu of the first.
 * MultiplyNormed, MultiplyGatedNormed: the same for the RMSNorm of numbers and others [..., in] that are added to
 * them, with gamma [in], which are two inputs more; a second result is the sum. See block-product.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "block-product.h"
#include "tensors.h"

enum { NUMBERS, FIRST, SECOND = FIRST + 3, BIAS = FIRST + 3, INPUTS = BIAS + 1, GATED_INPUTS = SECOND + 3 };
/** Behind those of the product alone. */
enum { OTHERS, GAMMA, NORM_INPUTS };
enum { PRODUCT, SUM };
/** From the first input of a matrix on. */
enum { VALUES, SCALES, ZEROS };

typedef struct {
  BlockMatrix matrix;
  /** Of operators with a norm. */
  float epsilon;
  OrtAllocator *allocator;
} Kernel;

static OrtStatus *refuseBlocks(const char *operator, int64_t in, int64_t out, int64_t bits, int64_t block) {
  char said[256];
  snprintf(said, sizeof said,
           "%s: a matrix of %lld × %lld in blocks of %lld with %lld bits is none it knows: "
           "blocks of 32, 64 or 128, of which rows have a whole number, with 4 or 8 bits",
           operator, (long long)out, (long long)in, (long long)block, (long long)bits);
  return fail(ORT_INVALID_ARGUMENT, said);
}

static OrtStatus *refuseMemory(const char *operator) {
  char said[64];
  snprintf(said, sizeof said, "%s: no memory", operator);
  return fail(ORT_FAIL, said);
}

static OrtStatus *create(const OrtCustomOp *operator, const OrtApi *api, const OrtKernelInfo *info, void **kernel) {
  (void)api;
  int64_t in, out, bits, block;
  TRY(ortIntAttribute(info, "in", &in));
  TRY(ortIntAttribute(info, "out", &out));
  TRY(ortIntAttribute(info, "bits", &bits));
  TRY(ortIntAttribute(info, "block", &block));
  if (!isBlockMatrix(in, out, bits, block)) return refuseBlocks(operator->name(operator), in, out, bits, block);
  Kernel *created = calloc(1, sizeof *created);
  if (!created) return refuseMemory(operator->name(operator));
  created->matrix = (BlockMatrix){.in = in, .out = out, .bits = (int)bits, .block = (int)block};
  OrtStatus *status = ortAllocator(info, 0, &created->allocator);
  if (status) free(created);
  else *kernel = created;
  return status;
}

static OrtStatus *createNormed(const OrtCustomOp *operator, const OrtApi *api, const OrtKernelInfo *info, void **kernel) {
  float epsilon;
  TRY(ortFloatAttribute(info, "epsilon", &epsilon));
  TRY(create(operator, api, info, kernel));
  ((Kernel *)*kernel)->epsilon = epsilon;
  return NULL;
}

static void destroy(void *kernel) {
  Kernel *own = kernel;
  ortReleaseAllocator(own->allocator);
  free(own);
}

/** What is beyond its length belongs to others. */
static OrtStatus *requireBytes(const void *data, const char *what, int64_t found, int64_t bytes) {
  return !data || found == bytes ? NULL : refuse(what, found, bytes);
}

/** Checks the length. NULL when the input was left out. */
static OrtStatus *dataOf(const OrtKernelContext *context, size_t input, const char *what, int64_t bytes, void *data) {
  int64_t found;
  TRY(readBytes(context, input, data, &found));
  return requireBytes(*(const void **)data, what, found, bytes);
}

/** Scales may be float32 or float16; their type says which. */
static OrtStatus *placeScales(const OrtKernelContext *context, size_t input, BlockMatrix *matrix) {
  Tensor tensor;
  TRY(readTensor(context, input, &tensor));
  if (tensor.type != ORT_FLOAT && tensor.type != ORT_FLOAT16) {
    return fail(ORT_INVALID_ARGUMENT, "scales have to be float32 or float16");
  }
  matrix->scales = tensor.data;
  matrix->scaleBytes = tensor.type == ORT_FLOAT ? 4 : 2;
  return requireBytes(tensor.data, "bytes of scales", tensor.bytes, matrix->out * (matrix->in / matrix->block) * matrix->scaleBytes);
}

/** Finds the numbers of a matrix. */
static OrtStatus *placeMatrix(const OrtKernelContext *context, size_t first, BlockMatrix *matrix) {
  const int64_t blocks = matrix->in / matrix->block, out = matrix->out;
  TRY(dataOf(context, first + VALUES, "bytes of values", out * matrix->in * matrix->bits / 8, &matrix->values));
  TRY(placeScales(context, first + SCALES, matrix));
  return dataOf(context, first + ZEROS, "bytes of zero points", out * ((blocks * matrix->bits + 7) / 8), &matrix->zeros);
}

typedef struct {
  const BlockMatrix *matrix;
  const float *numbers;
  /** What is added to them, and the norm of that; without gamma there is none. */
  const float *others;
  Norm norm;
  float *sum, *normed;
  RoundedRows rounded;
  float *product;
  /** What a gate is for, and its product; NULL where there is none. */
  const BlockMatrix *second;
  float *secondProduct;
} Work;

/** The axes of the rows; the last one, a row's own, becomes that of the product. */
static OrtStatus *createProduct(OrtKernelContext *context, Work *work, int64_t *rows) {
  Tensor numbers;
  const BlockMatrix *matrix = work->matrix;
  TRY(readTensor(context, NUMBERS, &numbers));
  if (numbers.rank < 1) return refuse("axes", 0, 1);
  int64_t *last = &numbers.axes[numbers.rank - 1];
  if (*last != matrix->in) return refuse("numbers in a row", *last, matrix->in);
  *rows = 1;
  for (size_t axis = 0; axis + 1 < numbers.rank; axis++) *rows *= numbers.axes[axis];
  work->numbers = numbers.data;
  if (work->norm.gamma) TRY(createTensor(context, SUM, numbers.axes, numbers.rank, (void **)&work->sum));
  *last = matrix->out;
  return createTensor(context, PRODUCT, numbers.axes, numbers.rank, (void **)&work->product);
}

static void roundOne(void *work, size_t row) {
  const Work *given = work;
  const int64_t at = (int64_t)row * given->matrix->in;
  const float *numbers = given->numbers + at;
  if (given->norm.gamma) {
    normRow(&given->norm, numbers, given->others + at, given->sum + at, given->normed + at);
    numbers = given->normed + at;
  }
  roundRow(given->matrix, numbers, &given->rounded, (int64_t)row);
}

static void multiplyOne(void *work, size_t piece) {
  const Work *given = work;
  multiplyPiece(given->matrix, &given->rounded, (int64_t)piece, given->product);
  if (!given->second) return;
  int64_t from, to;
  multiplyPiece(given->second, &given->rounded, (int64_t)piece, given->secondProduct);
  pieceColumns(given->matrix, given->rounded.rows, (int64_t)piece, &from, &to);
  gateColumns(given->product, given->secondProduct, given->rounded.rows, given->matrix->out, from, to);
}

static OrtStatus *multiply(const OrtKernelContext *context, Work *work, int64_t rows) {
  TRY(inParallel(context, roundOne, rows, rows > 8, work));
  return inParallel(context, multiplyOne, countPieces(work->matrix, rows), true, work);
}

/** What is needed meanwhile: rounded rows, and what one after the other takes: rows with their norm, and the product that a gate is for. */
static OrtStatus *multiplyRows(const Kernel *own, OrtKernelContext *context, Work *work) {
  int64_t rows;
  TRY(createProduct(context, work, &rows));
  if (rows == 0) return NULL;
  const size_t second = work->second ? (size_t)(rows * work->matrix->out) * 4 : 0;
  const size_t normed = work->norm.gamma ? (size_t)(rows * work->matrix->in) * 4 : 0;
  const size_t first = second > normed ? second : normed;
  uint8_t *memory = own->allocator->alloc(own->allocator, first + roundedBytes(work->matrix, rows));
  if (!memory) return fail(ORT_FAIL, "no memory for rounded rows");
  work->secondProduct = (float *)memory;
  work->normed = (float *)memory;
  work->rounded = placeRounded(work->matrix, rows, memory + first);
  OrtStatus *status = multiply(context, work, rows);
  own->allocator->free(own->allocator, memory);
  return status;
}

/** Finds what is added to the rows and their norm, from an input on. */
static OrtStatus *placeNorm(const OrtKernelContext *context, size_t first, const Kernel *own, Work *work) {
  const void *numbers;
  int64_t bytes;
  TRY(readBytes(context, NUMBERS, &numbers, &bytes));
  work->norm = (Norm){.in = own->matrix.in, .epsilon = own->epsilon};
  TRY(dataOf(context, first + OTHERS, "bytes of what is added", bytes, &work->others));
  return dataOf(context, first + GAMMA, "bytes of gamma", own->matrix.in * 4, &work->norm.gamma);
}

static OrtStatus *computeOne(const Kernel *own, OrtKernelContext *context, bool isNormed) {
  BlockMatrix matrix = own->matrix;
  Work work = {.matrix = &matrix};
  TRY(placeMatrix(context, FIRST, &matrix));
  TRY(dataOf(context, BIAS, "bytes of bias", matrix.out * 4, &matrix.bias));
  if (isNormed) TRY(placeNorm(context, INPUTS, own, &work));
  return multiplyRows(own, context, &work);
}

static OrtStatus *computeBoth(const Kernel *own, OrtKernelContext *context, bool isNormed) {
  BlockMatrix matrix = own->matrix, second = own->matrix;
  Work work = {.matrix = &matrix, .second = &second};
  TRY(placeMatrix(context, FIRST, &matrix));
  TRY(placeMatrix(context, SECOND, &second));
  if (isNormed) TRY(placeNorm(context, GATED_INPUTS, own, &work));
  return multiplyRows(own, context, &work);
}

static OrtStatus *compute(void *kernel, OrtKernelContext *context) { return computeOne(kernel, context, false); }
static OrtStatus *computeNormed(void *kernel, OrtKernelContext *context) { return computeOne(kernel, context, true); }
static OrtStatus *computeGated(void *kernel, OrtKernelContext *context) { return computeBoth(kernel, context, false); }
static OrtStatus *computeGatedNormed(void *kernel, OrtKernelContext *context) { return computeBoth(kernel, context, true); }

static const char *name(const OrtCustomOp *operator) { return (void)operator, "MultiplyBlocks"; }
static const char *normedName(const OrtCustomOp *operator) { return (void)operator, "MultiplyNormed"; }
static const char *gatedName(const OrtCustomOp *operator) { return (void)operator, "MultiplyGated"; }
static const char *gatedNormedName(const OrtCustomOp *operator) { return (void)operator, "MultiplyGatedNormed"; }
static size_t inputs(const OrtCustomOp *operator) { return (void)operator, INPUTS; }
static size_t normedInputs(const OrtCustomOp *operator) { return (void)operator, INPUTS + NORM_INPUTS; }
static size_t gatedInputs(const OrtCustomOp *operator) { return (void)operator, GATED_INPUTS; }
static size_t gatedNormedInputs(const OrtCustomOp *operator) { return (void)operator, GATED_INPUTS + NORM_INPUTS; }
static size_t outputs(const OrtCustomOp *operator) { return (void)operator, PRODUCT + 1; }
static size_t normedOutputs(const OrtCustomOp *operator) { return (void)operator, SUM + 1; }
static bool isBytes(size_t input) {
  return input == FIRST + VALUES || input == FIRST + ZEROS || input == SECOND + VALUES || input == SECOND + ZEROS;
}
static int typeOf(size_t input) {
  if (input == FIRST + SCALES || input == SECOND + SCALES) return ORT_ANY;
  return isBytes(input) ? ORT_UINT8 : ORT_FLOAT;
}
/** Where another matrix has its numbers, a product of one has a bias, and a norm what it takes. */
static int inputType(const OrtCustomOp *operator, size_t input) {
  return (void)operator, input >= BIAS ? ORT_FLOAT : typeOf(input);
}
static int gatedInputType(const OrtCustomOp *operator, size_t input) { return (void)operator, typeOf(input); }
static int inputKind(const OrtCustomOp *operator, size_t input) {
  return (void)operator, input == FIRST + ZEROS || input == BIAS ? ORT_OPTIONAL : ORT_REQUIRED;
}
static int gatedInputKind(const OrtCustomOp *operator, size_t input) {
  return (void)operator, input == FIRST + ZEROS || input == SECOND + ZEROS ? ORT_OPTIONAL : ORT_REQUIRED;
}
static int outputType(const OrtCustomOp *operator, size_t output) { return (void)operator, (void)output, ORT_FLOAT; }

const OrtCustomOp multiplyBlocksOperator =
    OPERATOR(name, inputs, inputType, inputKind, outputs, outputType, create, compute, destroy);
const OrtCustomOp multiplyNormedOperator =
    OPERATOR(normedName, normedInputs, inputType, inputKind, normedOutputs, outputType, createNormed, computeNormed, destroy);
const OrtCustomOp multiplyGatedOperator =
    OPERATOR(gatedName, gatedInputs, gatedInputType, gatedInputKind, outputs, outputType, create, computeGated, destroy);
const OrtCustomOp multiplyGatedNormedOperator = OPERATOR(gatedNormedName, gatedNormedInputs, gatedInputType, gatedInputKind,
                                                         normedOutputs, outputType, createNormed, computeGatedNormed, destroy);
