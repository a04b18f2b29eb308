#include "attend.h"

#include <stdio.h>
#include <stdlib.h>

OrtStatus *createAttention(const OrtCustomOp *operator, const OrtApi *api, const OrtKernelInfo *info, void **kernel) {
  (void)operator, (void)api;
  AttentionKernel attributes = {0};
  TRY(ortIntAttribute(info, "heads", &attributes.heads));
  TRY(ortFloatAttribute(info, "scale", &attributes.scale));
  TRY(ortAllocator(info, 0, &attributes.allocator));
  AttentionKernel *created = malloc(sizeof *created);
  if (!created) {
    ortReleaseAllocator(attributes.allocator);
    return fail(ORT_FAIL, "there is no memory for an operator");
  }
  *created = attributes;
  *kernel = created;
  return NULL;
}

void destroyAttention(void *kernel) {
  AttentionKernel *own = kernel;
  ortReleaseAllocator(own->allocator);
  free(own);
}

OrtStatus *checkLengths(const Length *lengths, size_t count) {
  for (const Length *each = lengths; each < lengths + count; each++) {
    if (each->found != each->expected) return refuse(each->what, each->found, each->expected);
  }
  return NULL;
}

OrtStatus *checkAxes(const char *what, const Tensor *tensor, size_t axes) {
  return tensor->rank == axes ? NULL : refuse(what, (int64_t)tensor->rank, (int64_t)axes);
}

static OrtStatus *checkHeads(const Attention *attention) {
  if (canAttend(attention)) return NULL;
  char said[160];
  snprintf(said, sizeof said, "%lld heads of %lld numbers, which share %lld heads of keys, are none it knows", (long long)attention->heads,
           (long long)attention->headDim, (long long)attention->kvHeads);
  return fail(ORT_INVALID_ARGUMENT, said);
}

/** Each token has to have one of the rows of cosines and sines. */
static OrtStatus *checkAngles(const Attention *attention, int64_t angles) {
  for (int64_t row = 0; row < attention->sequences * attention->tokens; row++) {
    const int64_t angle = attention->angles[row];
    if (angle >= 0 && angle < angles) continue;
    char said[160];
    snprintf(said, sizeof said, "a token has the angles of row %lld, but there are %lld rows", (long long)angle, (long long)angles);
    return fail(ORT_INVALID_ARGUMENT, said);
  }
  return NULL;
}

static OrtStatus *checkRows(const Attention *attention, const Tensor *rows, const Tensor *cosines, const Tensor *sines) {
  TRY(checkHeads(attention));
  const int64_t features = (attention->heads + 2 * attention->kvHeads) * attention->headDim, angles = cosines->axes[0];
  const Length lengths[] = {
      {"bytes of rows", rows->bytes, attention->sequences * attention->tokens * features * 4},
      {"bytes of cosines", cosines->bytes, angles * attention->headDim / 2 * 4},
      {"bytes of sines", sines->bytes, cosines->bytes},
  };
  TRY(checkLengths(lengths, sizeof lengths / sizeof *lengths));
  return checkAngles(attention, angles);
}

OrtStatus *readRows(const Tensor *rows, const Tensor *cosines, const Tensor *sines, const Tensor *angles, Attention *attention) {
  TRY(checkAxes("axes of angles", angles, 2));
  attention->sequences = angles->axes[0];
  attention->tokens = angles->axes[1];
  attention->rows = rows->data;
  attention->cosines = cosines->data;
  attention->sines = sines->data;
  attention->angles = angles->data;
  return checkRows(attention, rows, cosines, sines);
}

static OrtStatus *refuseLast(int64_t tokens, int64_t last, int64_t capacity) {
  char said[160];
  snprintf(said, sizeof said, "%lld tokens cannot end at position %lld of a cache for %lld", (long long)tokens, (long long)last,
           (long long)capacity);
  return fail(ORT_INVALID_ARGUMENT, said);
}

OrtStatus *readLastPositions(const Tensor *lastPositions, int64_t capacity, Attention *attention) {
  const Length length = {"last positions", lastPositions->bytes / 4, attention->sequences};
  TRY(checkLengths(&length, 1));
  attention->lastPositions = lastPositions->data;
  for (int64_t sequence = 0; sequence < attention->sequences; sequence++) {
    const int64_t last = attention->lastPositions[sequence];
    if (last + 1 < attention->tokens || last >= capacity) return refuseLast(attention->tokens, last, capacity);
  }
  return NULL;
}

Rows rowsOfNumbers(const Tensor *numbers) {
  return numbers->type == ORT_FLOAT16 ? (Rows){.halves = numbers->data} : (Rows){.numbers = numbers->data};
}

Rows roundedKeys(const Tensor *steps, const Tensor *sizes) {
  return (Rows){.steps = steps->data, .zero = KEY_ZERO, .sizes = sizes->data};
}
Rows roundedValues(const Tensor *steps, const Tensor *sizes) { return (Rows){.steps = steps->data, .sizes = sizes->data}; }

static void placeOne(void *attention, size_t row) { placeRow(attention, (int64_t)row); }
static void attendOne(void *attention, size_t piece) { attendPiece(attention, (int64_t)piece); }
static void joinOne(void *attention, size_t head) { joinParts(attention, (int64_t)head); }

/** For fewer of the short tasks it is not worth to wake other threads. */
enum { MANY = 32 };

static OrtStatus *attendInParallel(const OrtKernelContext *context, Attention *attention) {
  const int64_t rows = attention->sequences * attention->tokens, joins = countJoins(attention);
  TRY(inParallel(context, placeOne, rows, rows > MANY, attention));
  TRY(inParallel(context, attendOne, countAttentionPieces(attention), true, attention));
  return inParallel(context, joinOne, joins, joins > MANY, attention);
}

OrtStatus *attend(const AttentionKernel *kernel, OrtKernelContext *context, Attention *attention) {
  void *memory = kernel->allocator->alloc(kernel->allocator, attentionBytes(attention));
  if (!memory) return fail(ORT_FAIL, "there is no memory for queries");
  placeAttention(attention, memory);
  OrtStatus *status = attendInParallel(context, attention);
  kernel->allocator->free(kernel->allocator, memory);
  return status;
}
