/** MultiplyBlocks: numbers [..., in], values, scales, zeros?, bias? → [..., out]. See block-product.h. */
#include <stdlib.h>

#include "block-product.h"
#include "operators.h"

enum { NUMBERS, VALUES, SCALES, ZEROS, BIAS, INPUTS };
enum { MOST_AXES = 8 };

typedef struct {
  BlockMatrix matrix;
  OrtAllocator *allocator;
} Kernel;

static OrtStatus *create(const OrtCustomOp *operator, const OrtApi *api, const OrtKernelInfo *info, void **kernel) {
  (void)operator, (void)api;
  int64_t in, out, bits, block;
  TRY(ortIntAttribute(info, "in", &in));
  TRY(ortIntAttribute(info, "out", &out));
  TRY(ortIntAttribute(info, "bits", &bits));
  TRY(ortIntAttribute(info, "block", &block));
  if (!isBlockMatrix(in, out, bits, block)) return ortCreateStatus(ORT_INVALID_ARGUMENT, "MultiplyBlocks: no such blocks");
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

static OrtStatus *dataOf(const OrtKernelContext *context, size_t input, const void **data) {
  const OrtValue *value;
  *data = NULL;
  TRY(ortInput(context, input, &value));
  if (!value) return NULL; // It was left out.
  return ortTensorData((OrtValue *)value, (void **)data);
}

/** The axes of the rows; the last one, a row's own, becomes that of the product. */
static OrtStatus *shapeOf(const OrtKernelContext *context, int64_t out, int64_t *axes, size_t *rank, int64_t *rows) {
  const OrtValue *value;
  OrtShape *shape;
  TRY(ortInput(context, NUMBERS, &value));
  TRY(ortShape(value, &shape));
  OrtStatus *status = ortRank(shape, rank);
  if (!status && (*rank < 1 || *rank > MOST_AXES)) status = ortCreateStatus(ORT_INVALID_ARGUMENT, "MultiplyBlocks: axes");
  if (!status) status = ortDimensions(shape, axes, *rank);
  ortReleaseShape(shape);
  if (status) return status;
  *rows = 1;
  for (size_t axis = 0; axis + 1 < *rank; axis++) *rows *= axes[axis];
  axes[*rank - 1] = out;
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
  TRY(shapeOf(context, matrix.out, axes, &rank, &rows));
  TRY(dataOf(context, NUMBERS, (const void **)&work.numbers));
  TRY(dataOf(context, VALUES, (const void **)&matrix.values));
  TRY(dataOf(context, SCALES, (const void **)&matrix.scales));
  TRY(dataOf(context, ZEROS, (const void **)&matrix.zeros));
  TRY(dataOf(context, BIAS, (const void **)&matrix.bias));
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

static void destroy(void *kernel) { free(kernel); }
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
