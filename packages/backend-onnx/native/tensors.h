/** What operators ask of the tensors they get. */
#pragma once
#include <stdbool.h>

#include "operators.h"

enum { MOST_AXES = 8 };

typedef struct {
  /** Not one that was left out. */
  bool isThere;
  void *data;
  int64_t bytes;
  /** Of its numbers: ORT_FLOAT and so on. */
  int type;
  int64_t axes[MOST_AXES];
  size_t rank;
} Tensor;

/** A tensor that was left out is not there, and has no data. */
OrtStatus *readTensor(const OrtKernelContext *context, size_t input, Tensor *tensor);
/** Of an input that can be of one type only: where its numbers stand, which is quicker to ask for than its axes are. */
OrtStatus *readBytes(const OrtKernelContext *context, size_t input, const void **data, int64_t *bytes);
/** Makes a result, or finds the memory that is bound to it. */
OrtStatus *createTensor(OrtKernelContext *context, size_t output, const int64_t *axes, size_t rank, void **data);
/** A result that is an input with more in it: expected to be bound to its memory, otherwise a copy. */
OrtStatus *createPresent(OrtKernelContext *context, size_t output, const Tensor *past, const int64_t *axes, size_t rank, void **present);
OrtStatus *fail(int code, const char *why);
/** For lengths; ONNX Runtime says of which operator. */
OrtStatus *refuse(const char *what, int64_t found, int64_t expected);

/** Does the first so many tasks, by all threads where that is worth it. */
OrtStatus *inParallel(const OrtKernelContext *context, void (*task)(void *, size_t), int64_t count, bool isWorthIt, void *work);
