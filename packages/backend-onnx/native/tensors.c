#include "tensors.h"

OrtStatus *fail(int code, const char *why) { return ortCreateStatus(code, why); }

static OrtStatus *readAxes(const OrtShape *shape, Tensor *tensor) {
  TRY(ortRank(shape, &tensor->rank));
  if (tensor->rank > MOST_AXES) return fail(ORT_INVALID_ARGUMENT, "lingbi's operators take tensors of at most 8 axes");
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
  return status ? status : ortTensorData((OrtValue *)value, &tensor->data);
}

OrtStatus *createTensor(OrtKernelContext *context, size_t output, const int64_t *axes, size_t rank, void **data) {
  OrtValue *value;
  TRY(ortOutput(context, output, axes, rank, &value));
  return ortTensorData(value, data);
}
