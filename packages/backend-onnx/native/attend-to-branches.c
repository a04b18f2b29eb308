/**
 * Rows of sequences that continue one slot, to what that holds, to a log of what they appended, and to each other.
 *
 * AttendToBranches: rows [tokens, (heads + 2 · kvHeads) · headDim], keys and values [kvHeads, positions, headDim],
 * two inputs of no use; keys and values of the log [kvHeads, places, headDim]; a mask [tokens, 1, positions and places
 * and tokens], below 0 where a token does not see; cosines and sines [.., headDim / 2], angles [1, tokens]
 * → attended [tokens, heads · headDim], new keys and values [kvHeads, tokens, headDim].
 *
 * AttendToRoundedBranches: the same, but keys are uint8 around 128 and values int8, and instead of the inputs of no
 * use come the worths of their steps [kvHeads, positions, 1].
 *
 * AttendToHalfBranches: keys and values are float16, those of the log and new ones float32. See attention.h.
 */
#include "attend.h"

enum { ROWS, KEYS, VALUES, KEY_SIZES, VALUE_SIZES, LOG_KEYS, LOG_VALUES, MASK, COSINES, SINES, ANGLES, INPUTS };
enum { ATTENDED, NEW_KEYS, NEW_VALUES, OUTPUTS };

static bool areRounded(const Tensor *inputs) { return inputs[KEY_SIZES].isThere; }

static int64_t bytesOfNumber(const Tensor *inputs) {
  return areRounded(inputs) ? 1 : inputs[KEYS].type == ORT_FLOAT16 ? 2 : 4;
}

static OrtStatus *checkPast(const Attention *attention, const Tensor *inputs) {
  const bool rounded = areRounded(inputs);
  const int64_t positions = inputs[KEYS].axes[1] * attention->kvHeads, places = inputs[LOG_KEYS].axes[1] * attention->kvHeads;
  const int64_t sizes = rounded ? positions * 4 : 0;
  const Length lengths[] = {
      {"sequences of tokens", attention->sequences, 1},
      {"bytes of keys", inputs[KEYS].bytes, positions * attention->headDim * bytesOfNumber(inputs)},
      {"bytes of values", inputs[VALUES].bytes, inputs[KEYS].bytes},
      {"bytes of worths of keys", inputs[KEY_SIZES].bytes, sizes},
      {"bytes of worths of values", inputs[VALUE_SIZES].bytes, sizes},
      {"bytes of a log's keys", inputs[LOG_KEYS].bytes, places * attention->headDim * 4},
      {"bytes of a log's values", inputs[LOG_VALUES].bytes, inputs[LOG_KEYS].bytes},
      {"bytes of a mask", inputs[MASK].bytes, attention->tokens * attention->maskWidth * 4},
  };
  return checkLengths(lengths, sizeof lengths / sizeof *lengths);
}

static OrtStatus *readInputs(const Tensor *inputs, Attention *attention) {
  TRY(checkAxes("axes of keys", &inputs[KEYS], 3));
  TRY(checkAxes("axes of a log's keys", &inputs[LOG_KEYS], 3));
  attention->kvHeads = inputs[KEYS].axes[0];
  attention->headDim = inputs[KEYS].axes[2];
  TRY(readRows(&inputs[ROWS], &inputs[COSINES], &inputs[SINES], &inputs[ANGLES], attention));
  attention->mask = inputs[MASK].data;
  attention->maskWidth = inputs[KEYS].axes[1] + inputs[LOG_KEYS].axes[1] + attention->tokens;
  return checkPast(attention, inputs);
}

static OrtStatus *createOutputs(OrtKernelContext *context, Attention *attention) {
  const int64_t rows[] = {attention->tokens, attention->heads * attention->headDim};
  const int64_t fresh[] = {attention->kvHeads, attention->tokens, attention->headDim};
  attention->newApart = attention->tokens;
  TRY(createTensor(context, ATTENDED, rows, 2, (void **)&attention->attended));
  TRY(createTensor(context, NEW_KEYS, fresh, 3, (void **)&attention->newKeys));
  return createTensor(context, NEW_VALUES, fresh, 3, (void **)&attention->newValues);
}

/** Of positions from `first` on, those before the last that some token sees. */
static int64_t positionsSeen(const Attention *attention, int64_t first, int64_t positions) {
  int64_t seen = 0;
  for (int64_t token = 0; token < attention->tokens; token++) {
    const float *mask = attention->mask + token * attention->maskWidth + first;
    int64_t last = positions;
    while (last > seen && mask[last - 1] < 0) last--;
    seen = last;
  }
  return seen;
}

/** A stretch behind those before it. */
static void addStretch(Attention *attention, Rows keys, Rows values, int64_t positions) {
  Stretch *added = &attention->stretches[attention->countStretches++];
  *added = (Stretch){.keys = keys, .values = values, .apart = positions};
  if (added > attention->stretches) added->first = added[-1].first + added[-1].apart;
  added->positions = positionsSeen(attention, added->first, positions);
}

static Rows numbers(const float *data) { return (Rows){.numbers = data}; }

static void addStretches(const Tensor *inputs, Attention *attention) {
  const bool rounded = areRounded(inputs);
  const Rows keys = rounded ? roundedKeys(&inputs[KEYS], &inputs[KEY_SIZES]) : rowsOfNumbers(&inputs[KEYS]);
  const Rows values = rounded ? roundedValues(&inputs[VALUES], &inputs[VALUE_SIZES]) : rowsOfNumbers(&inputs[VALUES]);
  addStretch(attention, keys, values, inputs[KEYS].axes[1]);
  addStretch(attention, rowsOfNumbers(&inputs[LOG_KEYS]), rowsOfNumbers(&inputs[LOG_VALUES]), inputs[LOG_KEYS].axes[1]);
  addStretch(attention, numbers(attention->newKeys), numbers(attention->newValues), attention->tokens);
  attention->stretches[2].positions = attention->tokens; // whoever walks along them writes them
}

static OrtStatus *compute(void *kernel, OrtKernelContext *context) {
  const AttentionKernel *own = kernel;
  Attention attention = {.heads = own->heads, .scale = own->scale};
  Tensor inputs[INPUTS];
  for (size_t input = 0; input < INPUTS; input++) TRY(readTensor(context, input, &inputs[input]));
  TRY(readInputs(inputs, &attention));
  TRY(createOutputs(context, &attention));
  if (attention.tokens == 0) return NULL;
  addStretches(inputs, &attention);
  return attend(own, context, &attention);
}

static const char *branchesName(const OrtCustomOp *operator) { return (void)operator, "AttendToBranches"; }
static const char *halfName(const OrtCustomOp *operator) { return (void)operator, "AttendToHalfBranches"; }
static const char *roundedName(const OrtCustomOp *operator) { return (void)operator, "AttendToRoundedBranches"; }
static size_t inputs(const OrtCustomOp *operator) { return (void)operator, INPUTS; }
static size_t outputs(const OrtCustomOp *operator) { return (void)operator, OUTPUTS; }
static int branchesType(const OrtCustomOp *operator, size_t input) {
  (void)operator;
  return input == ANGLES ? ORT_INT64 : ORT_FLOAT;
}
static int halfType(const OrtCustomOp *operator, size_t input) {
  return input == KEYS || input == VALUES ? ORT_FLOAT16 : branchesType(operator, input);
}
static int roundedType(const OrtCustomOp *operator, size_t input) {
  return input == KEYS ? ORT_UINT8 : input == VALUES ? ORT_INT8 : branchesType(operator, input);
}
static int outputType(const OrtCustomOp *operator, size_t output) { return (void)operator, (void)output, ORT_FLOAT; }
static int branchesKind(const OrtCustomOp *operator, size_t input) {
  (void)operator;
  return input == KEY_SIZES || input == VALUE_SIZES ? ORT_OPTIONAL : ORT_REQUIRED;
}
static int roundedKind(const OrtCustomOp *operator, size_t input) { return (void)operator, (void)input, ORT_REQUIRED; }

const OrtCustomOp attendToBranchesOperator =
    OPERATOR(branchesName, inputs, branchesType, branchesKind, outputs, outputType, createAttention, compute, destroyAttention);
const OrtCustomOp attendToHalfBranchesOperator =
    OPERATOR(halfName, inputs, halfType, branchesKind, outputs, outputType, createAttention, compute, destroyAttention);
const OrtCustomOp attendToRoundedBranchesOperator =
    OPERATOR(roundedName, inputs, roundedType, roundedKind, outputs, outputType, createAttention, compute, destroyAttention);
