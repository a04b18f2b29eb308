/**
 * AttendToPast: rows [tokens, (heads + 2 · kvHeads) · headDim], keys and values [sequences, kvHeads, capacity,
 * headDim], last positions [sequences], cosines and sines [.., headDim / 2], angles [sequences, tokens of each]
 * → attended [tokens, heads · headDim], and the keys and values with new ones behind them, which are expected to
 * be bound to the memory that they come from.
 *
 * AttendToHalfPast: the same, but keys and values are float16. New rows are seen as they are kept. See attention.h.
 */
#include "attend.h"

enum { ROWS, KEYS, VALUES, LAST_POSITIONS, COSINES, SINES, ANGLES, INPUTS };
enum { ATTENDED, NEW_KEYS, NEW_VALUES, OUTPUTS };

static OrtStatus *readInputs(const Tensor *inputs, Attention *attention) {
  TRY(checkAxes("axes of keys", &inputs[KEYS], 4));
  attention->kvHeads = inputs[KEYS].axes[1];
  attention->newApart = inputs[KEYS].axes[2];
  attention->areBehind = true;
  attention->headDim = inputs[KEYS].axes[3];
  TRY(readRows(&inputs[ROWS], &inputs[COSINES], &inputs[SINES], &inputs[ANGLES], attention));
  const Length lengths[] = {
      {"sequences of keys", inputs[KEYS].axes[0], attention->sequences},
      {"bytes of values", inputs[VALUES].bytes, inputs[KEYS].bytes},
  };
  TRY(checkLengths(lengths, sizeof lengths / sizeof *lengths));
  return readLastPositions(&inputs[LAST_POSITIONS], inputs[KEYS].axes[2], attention);
}

/** The present is the past with more in it. */
static OrtStatus *createOutputs(OrtKernelContext *context, const Tensor *inputs, Attention *attention) {
  const int64_t rows[] = {attention->sequences * attention->tokens, attention->heads * attention->headDim};
  TRY(createTensor(context, ATTENDED, rows, 2, (void **)&attention->attended));
  const bool areHalves = inputs[KEYS].type == ORT_FLOAT16;
  void **keys = areHalves ? (void **)&attention->newHalfKeys : (void **)&attention->newKeys;
  void **values = areHalves ? (void **)&attention->newHalfValues : (void **)&attention->newValues;
  TRY(createPresent(context, NEW_KEYS, &inputs[KEYS], inputs[KEYS].axes, 4, keys));
  return createPresent(context, NEW_VALUES, &inputs[VALUES], inputs[KEYS].axes, 4, values);
}

/** All that there is after this run, as far as the longest sequence goes. */
static void stretchOverCache(Attention *attention) {
  Stretch *cache = &attention->stretches[0];
  attention->countStretches = 1;
  *cache = (Stretch){
      .keys = {.numbers = attention->newKeys, .halves = attention->newHalfKeys},
      .values = {.numbers = attention->newValues, .halves = attention->newHalfValues},
      .apart = attention->newApart,
  };
  for (int64_t each = 0; each < attention->sequences; each++) {
    const int64_t length = attention->lastPositions[each] + 1;
    if (length > cache->positions) cache->positions = length;
  }
}

static OrtStatus *compute(void *kernel, OrtKernelContext *context) {
  const AttentionKernel *own = kernel;
  Attention attention = {.heads = own->heads, .scale = own->scale};
  Tensor inputs[INPUTS];
  for (size_t input = 0; input < INPUTS; input++) TRY(readTensor(context, input, &inputs[input]));
  TRY(readInputs(inputs, &attention));
  TRY(createOutputs(context, inputs, &attention));
  if (attention.sequences * attention.tokens == 0) return NULL;
  stretchOverCache(&attention);
  return attend(own, context, &attention);
}

static const char *pastName(const OrtCustomOp *operator) { return (void)operator, "AttendToPast"; }
static const char *halfName(const OrtCustomOp *operator) { return (void)operator, "AttendToHalfPast"; }
static size_t inputs(const OrtCustomOp *operator) { return (void)operator, INPUTS; }
static size_t outputs(const OrtCustomOp *operator) { return (void)operator, OUTPUTS; }
static int pastType(const OrtCustomOp *operator, size_t input) {
  (void)operator;
  return input == LAST_POSITIONS ? ORT_INT32 : input == ANGLES ? ORT_INT64 : ORT_FLOAT;
}
static int halfType(const OrtCustomOp *operator, size_t input) {
  return input == KEYS || input == VALUES ? ORT_FLOAT16 : pastType(operator, input);
}
static int presentType(const OrtCustomOp *operator, size_t output) { return (void)operator, (void)output, ORT_FLOAT; }
static int halfPresentType(const OrtCustomOp *operator, size_t output) {
  (void)operator;
  return output == ATTENDED ? ORT_FLOAT : ORT_FLOAT16;
}
static int inputKind(const OrtCustomOp *operator, size_t input) { return (void)operator, (void)input, ORT_REQUIRED; }

const OrtCustomOp attendToPastOperator =
    OPERATOR(pastName, inputs, pastType, inputKind, outputs, presentType, createAttention, compute, destroyAttention);
const OrtCustomOp attendToHalfPastOperator =
    OPERATOR(halfName, inputs, halfType, inputKind, outputs, halfPresentType, createAttention, compute, destroyAttention);
