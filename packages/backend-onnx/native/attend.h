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
OrtStatus *checkAxes(const char *what, const Tensor *tensor, size_t axes);

/** New rows, as many as `angles` has, and what turns them. What heads of keys there are has to be known before. */
OrtStatus *readRows(const Tensor *rows, const Tensor *cosines, const Tensor *sines, const Tensor *angles, Attention *attention);
/** Where each sequence's new rows end, which has to be within a cache for `capacity` positions. */
OrtStatus *readLastPositions(const Tensor *lastPositions, int64_t capacity, Attention *attention);

/** The byte that stands for 0 in keys; values have a sign. */
enum { KEY_ZERO = 128 };
/** Of float32 or float16. */
Rows rowsOfNumbers(const Tensor *numbers);
Rows roundedKeys(const Tensor *steps, const Tensor *sizes);
Rows roundedValues(const Tensor *steps, const Tensor *sizes);

/** Does it all, once the rest of it has been said and checked. */
OrtStatus *attend(const AttentionKernel *kernel, OrtKernelContext *context, Attention *attention);
