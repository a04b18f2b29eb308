/**
 * AttendToPast: rows [tokens, (heads + 2 · kvHeads) · headDim], keys and values [sequences, kvHeads, capacity,
 * headDim], last positions [sequences], cosines and sines [.., headDim / 2], angles [sequences, tokens of each]
 * → attended [tokens, heads · headDim], and the keys and values with new ones behind them, which are expected to
 * be bound to the memory that they come from. See attention.h.
 */
#include <stdio.h>
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

/** What is beyond the end of a tensor belongs to others. */
static OrtStatus *checkLengths(const Attention *attention, const Tensor *inputs) {
  const int64_t features = (attention->heads + 2 * attention->kvHeads) * attention->headDim;
  const int64_t rows = attention->sequences * attention->tokens, half = attention->headDim / 2;
  const struct {
    const char *what;
    int64_t found, expected;
  } lengths[] = {
      {"bytes of rows", inputs[ROWS].bytes, rows * features * 4},
      {"sequences of keys", inputs[KEYS].axes[0], attention->sequences},
      {"bytes of values", inputs[VALUES].bytes, inputs[KEYS].bytes},
      {"last positions", inputs[LAST_POSITIONS].bytes / 4, attention->sequences},
      {"bytes of cosines", inputs[COSINES].bytes, inputs[COSINES].axes[0] * half * 4},
      {"bytes of sines", inputs[SINES].bytes, inputs[COSINES].bytes},
  };
  for (size_t each = 0; each < sizeof lengths / sizeof *lengths; each++) {
    if (lengths[each].found == lengths[each].expected) continue;
    return refuse(lengths[each].what, lengths[each].found, lengths[each].expected);
  }
  return NULL;
}

static OrtStatus *checkPlaces(const Attention *attention, int64_t angles) {
  char said[160];
  for (int64_t row = 0; row < attention->sequences * attention->tokens; row++) {
    const int64_t angle = attention->angles[row];
    if (angle >= 0 && angle < angles) continue;
    snprintf(said, sizeof said, "a token has the angles of row %lld, but there are %lld rows", (long long)angle, (long long)angles);
    return fail(ORT_INVALID_ARGUMENT, said);
  }
  for (int64_t sequence = 0; sequence < attention->sequences; sequence++) {
    const int64_t last = attention->lastPositions[sequence];
    if (last + 1 >= attention->tokens && last < attention->capacity) continue;
    snprintf(said, sizeof said, "%lld tokens cannot end at position %lld of a cache for %lld", (long long)attention->tokens,
             (long long)last, (long long)attention->capacity);
    return fail(ORT_INVALID_ARGUMENT, said);
  }
  return NULL;
}

static OrtStatus *check(const Attention *attention, const Tensor *inputs) {
  if (!canAttend(attention)) {
    char said[160];
    snprintf(said, sizeof said, "%lld heads of %lld numbers, which share %lld heads of keys, are none it knows", (long long)attention->heads,
             (long long)attention->headDim, (long long)attention->kvHeads);
    return fail(ORT_INVALID_ARGUMENT, said);
  }
  TRY(checkLengths(attention, inputs));
  return checkPlaces(attention, inputs[COSINES].axes[0]);
}

static OrtStatus *readInputs(const OrtKernelContext *context, Attention *attention) {
  Tensor inputs[INPUTS];
  for (size_t input = 0; input < INPUTS; input++) TRY(readTensor(context, input, &inputs[input]));
  if (inputs[KEYS].rank != 4) return refuse("axes of keys", (int64_t)inputs[KEYS].rank, 4);
  if (inputs[ANGLES].rank != 2) return refuse("axes of angles", (int64_t)inputs[ANGLES].rank, 2);
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
