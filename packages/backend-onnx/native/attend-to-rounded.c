/**
 * AttendToRounded: rows [tokens, (heads + 2 · kvHeads) · headDim], keys (uint8 around 128) and values (int8) [kvHeads,
 * capacity, headDim], the worths of their steps [kvHeads, capacity, 1], the place of the last token [1], cosines and
 * sines [.., headDim / 2], angles [1, tokens] → attended [tokens, heads · headDim], and keys, values and worths with
 * new ones behind them, which are expected to be bound to the memory that they come from. The new rows are seen as
 * they are by this run, and rounded by those after it. See attention.h.
 */
#include "attend.h"

enum { ROWS, KEYS, VALUES, KEY_SIZES, VALUE_SIZES, LAST_POSITION, COSINES, SINES, ANGLES, INPUTS };
enum { ATTENDED, NEW_KEYS, NEW_VALUES, NEW_KEY_SIZES, NEW_VALUE_SIZES, OUTPUTS };

static OrtStatus *checkLast(const Attention *attention, int64_t capacity) {
  const int64_t last = attention->lastPositions[0];
  if (last + 1 >= attention->tokens && last < capacity) return NULL;
  return refuseLast(attention->tokens, last, capacity);
}

static OrtStatus *check(const Attention *attention, const Tensor *inputs) {
  TRY(checkHeads(attention));
  const int64_t features = (attention->heads + 2 * attention->kvHeads) * attention->headDim;
  const int64_t capacity = inputs[KEYS].axes[1], angles = inputs[COSINES].axes[0];
  const Length lengths[] = {
      {"sequences of tokens", inputs[ANGLES].axes[0], 1},
      {"bytes of rows", inputs[ROWS].bytes, attention->tokens * features * 4},
      {"bytes of values", inputs[VALUES].bytes, inputs[KEYS].bytes},
      {"bytes of worths of keys", inputs[KEY_SIZES].bytes, capacity * attention->kvHeads * 4},
      {"bytes of worths of values", inputs[VALUE_SIZES].bytes, inputs[KEY_SIZES].bytes},
      {"last positions", inputs[LAST_POSITION].bytes / 4, 1},
      {"bytes of cosines", inputs[COSINES].bytes, angles * attention->headDim / 2 * 4},
      {"bytes of sines", inputs[SINES].bytes, inputs[COSINES].bytes},
  };
  TRY(checkLengths(lengths, sizeof lengths / sizeof *lengths));
  TRY(checkAngles(attention, angles));
  return checkLast(attention, capacity);
}

static OrtStatus *readInputs(const Tensor *inputs, Attention *attention) {
  if (inputs[KEYS].rank != 3) return refuse("axes of keys", (int64_t)inputs[KEYS].rank, 3);
  if (inputs[KEY_SIZES].rank != 3) return refuse("axes of worths", (int64_t)inputs[KEY_SIZES].rank, 3);
  if (inputs[ANGLES].rank != 2) return refuse("axes of angles", (int64_t)inputs[ANGLES].rank, 2);
  attention->sequences = 1;
  attention->tokens = attention->newApart = inputs[ANGLES].axes[1];
  attention->kvHeads = inputs[KEYS].axes[0];
  attention->headDim = inputs[KEYS].axes[2];
  attention->rows = inputs[ROWS].data;
  attention->lastPositions = inputs[LAST_POSITION].data;
  attention->cosines = inputs[COSINES].data;
  attention->sines = inputs[SINES].data;
  attention->angles = inputs[ANGLES].data;
  return check(attention, inputs);
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

/** The past, and the new rows. */
static void addStretches(const Tensor *inputs, Attention *attention) {
  const int64_t past = attention->lastPositions[0] + 1 - attention->tokens;
  attention->stretches[0] = (Stretch){
      .keys = roundedKeys(&inputs[KEYS], &inputs[KEY_SIZES]),
      .values = roundedValues(&inputs[VALUES], &inputs[VALUE_SIZES]),
      .apart = inputs[KEYS].axes[1],
      .positions = past,
  };
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
