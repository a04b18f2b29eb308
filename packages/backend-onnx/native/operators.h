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
extern const OrtCustomOp multiplyGatedOperator;
extern const OrtCustomOp multiplyNormedOperator;
extern const OrtCustomOp multiplyGatedNormedOperator;
extern const OrtCustomOp attendToPastOperator;
extern const OrtCustomOp attendToHalfPastOperator;
extern const OrtCustomOp attendToBranchesOperator;
extern const OrtCustomOp attendToHalfBranchesOperator;
extern const OrtCustomOp attendToRoundedOperator;
extern const OrtCustomOp attendToRoundedBranchesOperator;

/* What is the same for all of them. */
const char *operatorProvider(const OrtCustomOp *operator);
int operatorResult(const OrtCustomOp *operator, size_t output);
int operatorMemory(const OrtCustomOp *operator, size_t input);
int operatorOne(const OrtCustomOp *operator);
int operatorAnyVersion(const OrtCustomOp *operator);

#define OPERATOR(name_, inputs_, inputType_, inputKind_, outputs_, outputType_, create_, compute_, destroy_)  \
  {                                                                                                           \
    .version = ORT_VERSION, .name = name_, .provider = operatorProvider, .inputType = inputType_,             \
    .inputs = inputs_, .outputType = outputType_, .outputs = outputs_, .destroyKernel = destroy_,             \
    .inputKind = inputKind_, .outputKind = operatorResult, .inputMemory = operatorMemory,                     \
    .variadicInputs = operatorOne, .variadicInputsAlike = operatorOne, .variadicOutputs = operatorOne,        \
    .variadicOutputsAlike = operatorOne, .createKernelOrFail = create_, .computeOrFail = compute_,            \
    .startVersion = operatorOne, .endVersion = operatorAnyVersion,                                            \
  }
