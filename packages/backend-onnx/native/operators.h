/** Operators of ONNX Runtime's in the domain "lingbi". */
#pragma once
#include "onnxruntime.h"

#define EXPORT __attribute__((visibility("default")))

/** A failure ends what is being done. */
#define TRY(call)                                      \
  do {                                                 \
    OrtStatus *status = (call);                        \
    if (status) return status;                         \
  } while (0)

extern const OrtApi *ort;
extern const OrtCustomOp multiplyBlocksOperator;
