#include "operators.h"

#include <stdbool.h>
#include <stddef.h>

#include "block-product.h"

const OrtApi *ort;

/**
 * Hands over ONNX Runtime's functions: must come before a session is made that has one of the operators.
 * False when another ONNX Runtime has them already.
 */
EXPORT bool lingbi_use(const OrtApi *api) {
  const OrtApi *none = NULL;
  return __atomic_compare_exchange_n(&ort, &none, api, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) || none == api;
}

/** Whether products may use AMX, where there is any. They give the same numbers without it. */
EXPORT bool lingbi_allow_amx(bool isWanted) { return allowAmx(isWanted); }
EXPORT bool lingbi_has_amx(void) { return hasAmx(); }

/** The operators one after the other, then NULL. */
EXPORT const OrtCustomOp *lingbi_operator(int32_t place) {
  static const OrtCustomOp *const operators[] = {
      &multiplyBlocksOperator,   &multiplyGatedOperator,        &multiplyNormedOperator,  &multiplyGatedNormedOperator,
      &attendToPastOperator,     &attendToHalfPastOperator,     &attendToBranchesOperator, &attendToHalfBranchesOperator,
      &attendToRoundedOperator,  &attendToRoundedBranchesOperator, NULL,
  };
  return operators[place];
}

const char *operatorProvider(const OrtCustomOp *operator) { return (void)operator, "CPUExecutionProvider"; }
int operatorResult(const OrtCustomOp *operator, size_t output) { return (void)operator, (void)output, ORT_REQUIRED; }
int operatorMemory(const OrtCustomOp *operator, size_t input) { return (void)operator, (void)input, 0; }
int operatorOne(const OrtCustomOp *operator) { return (void)operator, 1; }
int operatorAnyVersion(const OrtCustomOp *operator) { return (void)operator, 0x7fffffff; }
