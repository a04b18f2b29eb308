/** MultiplyBlocks: numbers [..., in], values, scales, zeros?, bias? → [..., out]. See block-product.h. */
#include <stdio.h>
#include <stdlib.h>

#include "block-product.h"
#include "operators.h"

enum { NUMBERS, VALUES, SCALES, ZEROS, BIAS, INPUTS };
enum { MOST_AXES = 8 };

typedef struct {
  BlockMatrix matrix;
  OrtAllocator *allocator;
} Kernel;

static OrtStatus *refuse(const char *what, int64_t found, int64_t expected) {
  char said[160];
  snprintf(said, sizeof said, "MultiplyBlocks: there are %lld %s, but there have to be %lld", (long long)found, what,
           (long long)expected);
  return ortCreateStatus(ORT_INVALID_ARGUMENT, said);
}

static OrtStatus *refuseBlocks(int64_t in, int64_t out, int64_t bits, int64_t block) {
  char said[256];
  snprintf(said, sizeof said,
           "MultiplyBlocks: a matrix of %lld × %lld in blocks of %lld with %lld bits is none it knows: "
           "blocks of 32, 64 or 128, of which rows have a whole number, with 4 or 8 bits",
           (long long)out, (long long)in, (long long)block, (long long)bits);
  return ortCreateStatus(ORT_INVALID_ARGUMENT, said);
}

static OrtStatus *create(const OrtCustomOp *operator, const OrtApi *api, const OrtKernelInfo *info, void **kernel) {
  (void)operator, (void)api;
  int64_t in, out, bits, block;
  TRY(ortIntAttribute(info, "in", &in));
  TRY(ortIntAttribute(info, "out", &out));
  TRY(ortIntAttribute(info, "bits", &bits));
  TRY(ortIntAttribute(info, "block", &block));
  if (!isBlockMatrix(in, out, bits, block)) return refuseBlocks(in, out, bits, block);
  Kernel *created = calloc(1, sizeof *created);
  if (!created) return ortCreateStatus(ORT_FAIL, "MultiplyBlocks: no memory");
  created->matrix = (BlockMatrix){.in = in, .out = out, .bits = (int)bits, .block = (int)block};
  OrtStatus *status = ortAllocator(info, 0, &created->allocator);
  if (status) {
    free(created);
    return status;
  }
  *kernel = created;
  return NULL;
}

/** Checks the length, for what is beyond it belongs to others. NULL when the input was left out. */
static OrtStatus *dataOf(const OrtKernelContext *context, size_t input, const char *what, int64_t bytes, void *data) {
  const OrtValue *value;
  size_t found;
  *(const void **)data = NULL;
  TRY(ortInput(context, input, &value));
  if (!value) return NULL;
  TRY(ortTensorBytes(value, &found));
  if ((int64_t)found != bytes) return refuse(what, (int64_t)found, bytes);
  return ortTensorData((OrtValue *)value, (void **)data);
}

/** Finds the numbers of a matrix. */
static OrtStatus *placeMatrix(const OrtKernelContext *context, BlockMatrix *matrix) {
  const int64_t blocks = matrix->in / matrix->block, out = matrix->out;
  TRY(dataOf(context, VALUES, "bytes of values", out * blocks * matrix->block * matrix->bits / 8, &matrix->values));
  TRY(dataOf(context, SCALES, "bytes of scales", out * blocks * 4, &matrix->scales));
  TRY(dataOf(context, ZEROS, "bytes of zero points", out * ((blocks * matrix->bits + 7) / 8), &matrix->zeros));
  return dataOf(context, BIAS, "bytes of bias", out * 4, &matrix->bias);
}

static OrtStatus *axesOf(const OrtShape *shape, int64_t *axes, size_t *rank) {
  TRY(ortRank(shape, rank));
  if (*rank < 1 || *rank > MOST_AXES) return refuse("axes", (int64_t)*rank, *rank < 1 ? 1 : MOST_AXES);
  return ortDimensions(shape, axes, *rank);
}

/** The axes of the rows; the last one, a row's own, becomes that of the product. */
static OrtStatus *shapeOf(const OrtKernelContext *context, const BlockMatrix *matrix, int64_t *axes, size_t *rank,
                          int64_t *rows) {
  const OrtValue *value;
  OrtShape *shape;
  TRY(ortInput(context, NUMBERS, &value));
  TRY(ortShape(value, &shape));
  OrtStatus *status = axesOf(shape, axes, rank);
  ortReleaseShape(shape);
  if (status) return status;
  if (axes[*rank - 1] != matrix->in) return refuse("numbers in a row", axes[*rank - 1], matrix->in);
  *rows = 1;
  for (size_t axis = 0; axis + 1 < *rank; axis++) *rows *= axes[axis];
  axes[*rank - 1] = matrix->out;
  return NULL;
}

typedef struct {
  const BlockMatrix *matrix;
  const float *numbers;
  RoundedRows rounded;
  float *product;
} Work;

static void roundOne(void *work, size_t row) {
  const Work *given = work;
  roundRow(given->matrix, given->numbers + (int64_t)row * given->matrix->in, &given->rounded, (int64_t)row);
}

static void multiplyOne(void *work, size_t piece) {
  const Work *given = work;
  multiplyPiece(given->matrix, &given->rounded, (int64_t)piece, given->product);
}

static OrtStatus *multiply(const OrtKernelContext *context, Work *work, int64_t rows) {
  if (rows > 8) TRY(ortParallel(context, roundOne, (size_t)rows, 0, work));
  else for (int64_t row = 0; row < rows; row++) roundOne(work, (size_t)row);
  return ortParallel(context, multiplyOne, (size_t)countPieces(work->matrix, rows), 0, work);
}

static OrtStatus *compute(void *kernel, OrtKernelContext *context) {
  const Kernel *own = kernel;
  BlockMatrix matrix = own->matrix;
  Work work = {.matrix = &matrix};
  int64_t axes[MOST_AXES], rows;
  size_t rank;
  TRY(shapeOf(context, &matrix, axes, &rank, &rows));
  TRY(dataOf(context, NUMBERS, "bytes of rows", rows * matrix.in * 4, &work.numbers));
  TRY(placeMatrix(context, &matrix));
  OrtValue *product;
  TRY(ortOutput(context, 0, axes, rank, &product));
  TRY(ortTensorData(product, (void **)&work.product));
  if (rows == 0) return NULL;
  void *memory = own->allocator->alloc(own->allocator, roundedBytes(&matrix, rows));
  if (!memory) return ortCreateStatus(ORT_FAIL, "MultiplyBlocks: no memory for rounded rows");
  work.rounded = placeRounded(&matrix, rows, memory);
  OrtStatus *status = multiply(context, &work, rows);
  own->allocator->free(own->allocator, memory);
  return status;
}

static void destroy(void *kernel) {
  Kernel *own = kernel;
  ortReleaseAllocator(own->allocator);
  free(own);
}

static const char *name(const OrtCustomOp *operator) { return (void)operator, "MultiplyBlocks"; }
static const char *provider(const OrtCustomOp *operator) { return (void)operator, "CPUExecutionProvider"; }
static size_t inputs(const OrtCustomOp *operator) { return (void)operator, INPUTS; }
static size_t outputs(const OrtCustomOp *operator) { return (void)operator, 1; }
static int inputType(const OrtCustomOp *operator, size_t input) {
  (void)operator;
  return input == VALUES || input == ZEROS ? ORT_UINT8 : ORT_FLOAT;
}
static int outputType(const OrtCustomOp *operator, size_t output) { return (void)operator, (void)output, ORT_FLOAT; }
static int inputKind(const OrtCustomOp *operator, size_t input) {
  (void)operator;
  return input >= ZEROS ? ORT_OPTIONAL : ORT_REQUIRED;
}
static int outputKind(const OrtCustomOp *operator, size_t output) { return (void)operator, (void)output, ORT_REQUIRED; }
static int one(const OrtCustomOp *operator) { return (void)operator, 1; }
static int memory(const OrtCustomOp *operator, size_t input) { return (void)operator, (void)input, 0; }
static int anyVersion(const OrtCustomOp *operator) { return (void)operator, 0x7fffffff; }

const OrtCustomOp multiplyBlocksOperator = {
    .version = ORT_VERSION,
    .name = name,
    .provider = provider,
    .inputType = inputType,
    .inputs = inputs,
    .outputType = outputType,
    .outputs = outputs,
    .destroyKernel = destroy,
    .inputKind = inputKind,
    .outputKind = outputKind,
    .inputMemory = memory,
    .variadicInputs = one,
    .variadicInputsAlike = one,
    .variadicOutputs = one,
    .variadicOutputsAlike = one,
    .createKernelOrFail = create,
    .computeOrFail = compute,
    .startVersion = one,
    .endVersion = anyVersion,
};
