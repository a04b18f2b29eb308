/**
 * AttendToPast: rows [tokens, (heads + 2 · kvHeads) · headDim], keys and values [sequences, kvHeads, capacity,
 * headDim], last positions [sequences], cosines and sines [.., headDim / 2], angles [sequences, tokens of each]
 * → attended [tokens, heads · headDim], and the keys and values with new ones behind them, which are expected to
 * be bound to the memory that they come from. See attention.h.
 */
#include <stdlib.h>
#include <string.h>

#include "attention.h"
#include "tensors.h"

enum { ROWS, KEYS, VALUES, LAST_POSITIONS, COSINES, SINES, ANGLES, INPUTS };
enum { ATTENDED, NEW_KEYS, NEW_VALUES, OUTPUTS };

typedef struct {
  Attention attention;
  OrtAllocator *allocator;
} Kernel;

static OrtStatus *create(const OrtCustomOp *operator, const OrtApi *api, const OrtKernelInfo *info, void **kernel) {
  (void)operator, (void)api;
  Attention attention = {0};
  TRY(ortIntAttribute(info, "heads", &attention.heads));
  TRY(ortFloatAttribute(info, "scale", &attention.scale));
  Kernel *created = calloc(1, sizeof *created);
  if (!created) return fail(ORT_FAIL, "AttendToPast: no memory");
  created->attention = attention;
  OrtStatus *status = ortAllocator(info, 0, &created->allocator);
  if (status) free(created);
  else *kernel = created;
  return status;
}

/** Whether the axes fit together, and each place is within what it counts. */
static OrtStatus *check(const Attention *attention, const Tensor *inputs) {
  const int64_t features = (attention->heads + 2 * attention->kvHeads) * attention->headDim;
  const int64_t tokens = attention->sequences * attention->tokens;
  if (!canAttend(attention)) return fail(ORT_INVALID_ARGUMENT, "AttendToPast: no such heads");
  if (inputs[ROWS].rank != 2 || inputs[ROWS].axes[0] != tokens || inputs[ROWS].axes[1] != features ||
      inputs[KEYS].axes[0] != attention->sequences || inputs[LAST_POSITIONS].axes[0] != attention->sequences) {
    return fail(ORT_INVALID_ARGUMENT, "AttendToPast: the lengths of its inputs do not fit together");
  }
  for (int64_t row = 0; row < tokens; row++) {
    if (attention->angles[row] >= 0 && attention->angles[row] < inputs[COSINES].axes[0]) continue;
    return fail(ORT_INVALID_ARGUMENT, "AttendToPast: a token has no angles");
  }
  for (int64_t sequence = 0; sequence < attention->sequences; sequence++) {
    const int64_t last = attention->lastPositions[sequence];
    if (last + 1 >= attention->tokens && last < attention->capacity) continue;
    return fail(ORT_INVALID_ARGUMENT, "AttendToPast: a token stands outside of the cache");
  }
  return NULL;
}

static OrtStatus *readInputs(const OrtKernelContext *context, Attention *attention) {
  Tensor inputs[INPUTS];
  for (size_t input = 0; input < INPUTS; input++) TRY(readTensor(context, input, &inputs[input]));
  if (inputs[KEYS].rank != 4 || inputs[ANGLES].rank != 2) return fail(ORT_INVALID_ARGUMENT, "AttendToPast: axes");
  attention->sequences = inputs[ANGLES].axes[0];
  attention->tokens = inputs[ANGLES].axes[1];
  attention->kvHeads = inputs[KEYS].axes[1];
  attention->capacity = inputs[KEYS].axes[2];
  attention->headDim = inputs[KEYS].axes[3];
  attention->rows = inputs[ROWS].data;
  attention->keys = inputs[KEYS].data;
  attention->values = inputs[VALUES].data;
  attention->lastPositions = inputs[LAST_POSITIONS].data;
  attention->cosines = inputs[COSINES].data;
  attention->sines = inputs[SINES].data;
  attention->angles = inputs[ANGLES].data;
  return check(attention, inputs);
}

/** The present is the past with more in it. */
static OrtStatus *createOutputs(OrtKernelContext *context, Attention *attention) {
  const int64_t cache[] = {attention->sequences, attention->kvHeads, attention->capacity, attention->headDim};
  const int64_t rows[] = {attention->sequences * attention->tokens, attention->heads * attention->headDim};
  const size_t bytes = (size_t)(cache[0] * cache[1] * cache[2] * cache[3]) * 4;
  void *keys, *values;
  TRY(createTensor(context, ATTENDED, rows, 2, (void **)&attention->attended));
  TRY(createTensor(context, NEW_KEYS, cache, 4, &keys));
  TRY(createTensor(context, NEW_VALUES, cache, 4, &values));
  if (keys != attention->keys) memcpy(keys, attention->keys, bytes);
  if (values != attention->values) memcpy(values, attention->values, bytes);
  attention->keys = keys;
  attention->values = values;
  return NULL;
}

typedef struct {
  Attention attention;
  int64_t longest;
} Work;

static void placeOne(void *work, size_t row) { placeRow(&((Work *)work)->attention, (int64_t)row); }
static void attendOne(void *work, size_t piece) {
  attendPiece(&((Work *)work)->attention, ((Work *)work)->longest, (int64_t)piece);
}
static void joinOne(void *work, size_t join) {
  joinParts(&((Work *)work)->attention, ((Work *)work)->longest, (int64_t)join);
}

/** For fewer of the short tasks it is not worth to wake other threads. */
enum { MANY = 32 };

static OrtStatus *attend(const OrtKernelContext *context, Work *work) {
  const int64_t rows = work->attention.sequences * work->attention.tokens, joins = countJoins(&work->attention);
  TRY(inParallel(context, placeOne, rows, rows > MANY, work));
  const int64_t pieces = countAttentionPieces(&work->attention, work->longest);
  TRY(inParallel(context, attendOne, pieces, true, work));
  return inParallel(context, joinOne, joins, joins > MANY, work);
}

static OrtStatus *compute(void *kernel, OrtKernelContext *context) {
  const Kernel *own = kernel;
  Work work = {.attention = own->attention};
  TRY(readInputs(context, &work.attention));
  TRY(createOutputs(context, &work.attention));
  if (work.attention.sequences * work.attention.tokens == 0) return NULL;
  for (int64_t each = 0; each < work.attention.sequences; each++) {
    const int64_t length = work.attention.lastPositions[each] + 1;
    if (length > work.longest) work.longest = length;
  }
  void *memory = own->allocator->alloc(own->allocator, attentionBytes(&work.attention, work.longest));
  if (!memory) return fail(ORT_FAIL, "AttendToPast: no memory for queries");
  placeAttention(&work.attention, memory);
  OrtStatus *status = attend(context, &work);
  own->allocator->free(own->allocator, memory);
  return status;
}

static void destroy(void *kernel) {
  Kernel *own = kernel;
  ortReleaseAllocator(own->allocator);
  free(own);
}

static const char *name(const OrtCustomOp *operator) { return (void)operator, "AttendToPast"; }
static size_t inputs(const OrtCustomOp *operator) { return (void)operator, INPUTS; }
static size_t outputs(const OrtCustomOp *operator) { return (void)operator, OUTPUTS; }
static int inputType(const OrtCustomOp *operator, size_t input) {
  (void)operator;
  return input == LAST_POSITIONS ? ORT_INT32 : input == ANGLES ? ORT_INT64 : ORT_FLOAT;
}
static int outputType(const OrtCustomOp *operator, size_t output) { return (void)operator, (void)output, ORT_FLOAT; }
static int inputKind(const OrtCustomOp *operator, size_t input) { return (void)operator, (void)input, ORT_REQUIRED; }

const OrtCustomOp attendToPastOperator = OPERATOR(name, inputs, inputType, inputKind, outputs, outputType, create, compute, destroy);
