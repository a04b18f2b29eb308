/** What operators that attend have in common. */
#pragma once
#include "attention.h"
#include "tensors.h"

typedef struct {
  int64_t heads;
  float scale;
  OrtAllocator *allocator;
} AttentionKernel;

OrtStatus *createAttention(const OrtCustomOp *operator, const OrtApi *api, const OrtKernelInfo *info, void **kernel);
void destroyAttention(void *kernel);

/** A tensor that has to have so many bytes, because what is beyond its end belongs to others. */
typedef struct {
  const char *what;
  int64_t found, expected;
} Length;

OrtStatus *checkLengths(const Length *lengths, size_t count);
OrtStatus *checkHeads(const Attention *attention);
/** Each token has to have a row of the `angles` rows of cosines and sines. */
OrtStatus *checkAngles(const Attention *attention, int64_t angles);

OrtStatus *refuseLast(int64_t tokens, int64_t last, int64_t capacity);

/** The byte that stands for 0 in keys; values have a sign. */
enum { KEY_ZERO = 128 };
Rows roundedKeys(const Tensor *steps, const Tensor *sizes);
Rows roundedValues(const Tensor *steps, const Tensor *sizes);

/** Does it all, once the rest of it has been said and checked. */
OrtStatus *attend(const AttentionKernel *kernel, OrtKernelContext *context, Attention *attention);
