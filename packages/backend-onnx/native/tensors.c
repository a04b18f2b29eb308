#include "tensors.h"

#include <stdio.h>
#include <string.h>

OrtStatus *fail(int code, const char *why) { return ortCreateStatus(code, why); }

OrtStatus *refuse(const char *what, int64_t found, int64_t expected) {
  char said[160];
  snprintf(said, sizeof said, "there are %lld %s, but there have to be %lld", (long long)found, what, (long long)expected);
  return fail(ORT_INVALID_ARGUMENT, said);
}

static OrtStatus *readAxes(const OrtShape *shape, Tensor *tensor) {
  TRY(ortElementType(shape, &tensor->type));
  TRY(ortRank(shape, &tensor->rank));
  if (tensor->rank > MOST_AXES) {
    char said[128];
    snprintf(said, sizeof said, "lingbi's operators take tensors of at most %d axes, but this one has %d", MOST_AXES, (int)tensor->rank);
    return fail(ORT_INVALID_ARGUMENT, said);
  }
  return ortDimensions(shape, tensor->axes, tensor->rank);
}

OrtStatus *readTensor(const OrtKernelContext *context, size_t input, Tensor *tensor) {
  const OrtValue *value;
  OrtShape *shape;
  *tensor = (Tensor){0};
  TRY(ortInput(context, input, &value));
  if (!value) return NULL;
  TRY(ortShape(value, &shape));
  OrtStatus *status = readAxes(shape, tensor);
  ortReleaseShape(shape);
  if (status) return status;
  size_t bytes;
  TRY(ortTensorBytes(value, &bytes));
  tensor->bytes = (int64_t)bytes;
  tensor->isThere = true;
  return ortTensorData((OrtValue *)value, &tensor->data);
}

OrtStatus *readBytes(const OrtKernelContext *context, size_t input, const void **data, int64_t *bytes) {
  const OrtValue *value;
  size_t found;
  *data = NULL;
  *bytes = 0;
  TRY(ortInput(context, input, &value));
  if (!value) return NULL;
  TRY(ortTensorBytes(value, &found));
  *bytes = (int64_t)found;
  return ortTensorData((OrtValue *)value, (void **)data);
}

OrtStatus *inParallel(const OrtKernelContext *context, void (*task)(void *, size_t), int64_t count, bool isWorthIt, void *work) {
  if (isWorthIt) return ortParallel(context, task, (size_t)count, 0, work);
  for (int64_t at = 0; at < count; at++) task(work, (size_t)at);
  return NULL;
}

OrtStatus *createTensor(OrtKernelContext *context, size_t output, const int64_t *axes, size_t rank, void **data) {
  OrtValue *value;
  TRY(ortOutput(context, output, axes, rank, &value));
  return ortTensorData(value, data);
}

OrtStatus *createPresent(OrtKernelContext *context, size_t output, const Tensor *past, const int64_t *axes, size_t rank, void **present) {
  TRY(createTensor(context, output, axes, rank, present));
  if (*present != past->data) memcpy(*present, past->data, past->bytes);
  return NULL;
}
