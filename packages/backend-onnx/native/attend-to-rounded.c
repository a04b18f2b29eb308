/**
 * AttendToRounded: rows [tokens, (heads + 2 · kvHeads) · headDim], keys (uint8 around 128) and values (int8) [kvHeads,
 * capacity, headDim], the worths of their steps [kvHeads, capacity, 1], the place of the last token [1], cosines and
 * sines [.., headDim / 2], angles [1, tokens] → attended [tokens, heads · headDim], and keys, values and worths with
 * new ones behind them, which are expected to be bound to the memory that they come from. Few new rows are seen as
 * they are kept, so that it is all one with how many others they come; many are seen as they are. See attention.h.
 */
#include "attend.h"

enum { ROWS, KEYS, VALUES, KEY_SIZES, VALUE_SIZES, LAST_POSITION, COSINES, SINES, ANGLES, INPUTS };
enum { ATTENDED, NEW_KEYS, NEW_VALUES, NEW_KEY_SIZES, NEW_VALUE_SIZES, OUTPUTS };

static OrtStatus *readInputs(const Tensor *inputs, Attention *attention) {
  TRY(checkAxes("axes of keys", &inputs[KEYS], 3));
  TRY(checkAxes("axes of worths", &inputs[KEY_SIZES], 3));
  attention->kvHeads = inputs[KEYS].axes[0];
  attention->headDim = inputs[KEYS].axes[2];
  TRY(readRows(&inputs[ROWS], &inputs[COSINES], &inputs[SINES], &inputs[ANGLES], attention));
  attention->newApart = attention->tokens;
  const int64_t capacity = inputs[KEYS].axes[1];
  const Length lengths[] = {
      {"sequences of tokens", attention->sequences, 1},
      {"bytes of values", inputs[VALUES].bytes, inputs[KEYS].bytes},
      {"bytes of worths of keys", inputs[KEY_SIZES].bytes, capacity * attention->kvHeads * 4},
      {"bytes of worths of values", inputs[VALUE_SIZES].bytes, inputs[KEY_SIZES].bytes},
  };
  TRY(checkLengths(lengths, sizeof lengths / sizeof *lengths));
  return readLastPositions(&inputs[LAST_POSITION], capacity, attention);
}

static OrtStatus *createOutputs(OrtKernelContext *context, const Tensor *inputs, Attention *attention) {
  const int64_t rows[] = {attention->tokens, attention->heads * attention->headDim};
  KeptRows *keys = &attention->keptKeys, *values = &attention->keptValues;
  keys->zero = KEY_ZERO;
  TRY(createTensor(context, ATTENDED, rows, 2, (void **)&attention->attended));
  const int64_t *steps = inputs[KEYS].axes, *sizes = inputs[KEY_SIZES].axes;
  TRY(createPresent(context, NEW_KEYS, &inputs[KEYS], steps, 3, (void **)&keys->steps));
  TRY(createPresent(context, NEW_VALUES, &inputs[VALUES], steps, 3, (void **)&values->steps));
  TRY(createPresent(context, NEW_KEY_SIZES, &inputs[KEY_SIZES], sizes, 3, (void **)&keys->sizes));
  return createPresent(context, NEW_VALUE_SIZES, &inputs[VALUE_SIZES], sizes, 3, (void **)&values->sizes);
}

static Rows rowsOfKept(const KeptRows *kept) { return (Rows){.steps = kept->steps, .zero = kept->zero, .sizes = kept->sizes}; }

/** What is kept, new rows included or not, and then these as they are. */
static void addStretches(const Tensor *inputs, Attention *attention) {
  const int64_t length = attention->lastPositions[0] + 1, past = length - attention->tokens;
  const bool areKept = seesKept(attention);
  attention->stretches[0] = (Stretch){
      .keys = rowsOfKept(&attention->keptKeys),
      .values = rowsOfKept(&attention->keptValues),
      .apart = inputs[KEYS].axes[1],
      .positions = areKept ? length : past,
  };
  attention->countStretches = 1;
  attention->areBehind = areKept;
  if (areKept) return;
  attention->stretches[1] = (Stretch){.apart = attention->tokens, .positions = attention->tokens, .first = past};
  attention->countStretches = 2;
}

static OrtStatus *compute(void *kernel, OrtKernelContext *context) {
  const AttentionKernel *own = kernel;
  Attention attention = {.heads = own->heads, .scale = own->scale};
  Tensor inputs[INPUTS];
  for (size_t input = 0; input < INPUTS; input++) TRY(readTensor(context, input, &inputs[input]));
  TRY(readInputs(inputs, &attention));
  TRY(createOutputs(context, inputs, &attention));
  if (attention.tokens == 0) return NULL;
  addStretches(inputs, &attention);
  return attend(own, context, &attention);
}

static const char *name(const OrtCustomOp *operator) { return (void)operator, "AttendToRounded"; }
static size_t inputs(const OrtCustomOp *operator) { return (void)operator, INPUTS; }
static size_t outputs(const OrtCustomOp *operator) { return (void)operator, OUTPUTS; }
static int inputType(const OrtCustomOp *operator, size_t input) {
  (void)operator;
  if (input == KEYS) return ORT_UINT8;
  if (input == VALUES) return ORT_INT8;
  return input == LAST_POSITION ? ORT_INT32 : input == ANGLES ? ORT_INT64 : ORT_FLOAT;
}
static int outputType(const OrtCustomOp *operator, size_t output) {
  (void)operator;
  return output == NEW_KEYS ? ORT_UINT8 : output == NEW_VALUES ? ORT_INT8 : ORT_FLOAT;
}
static int inputKind(const OrtCustomOp *operator, size_t input) { return (void)operator, (void)input, ORT_REQUIRED; }

const OrtCustomOp attendToRoundedOperator = OPERATOR(name, inputs, inputType, inputKind, outputs, outputType, createAttention, compute, destroyAttention);
