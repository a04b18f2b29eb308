/** Few queries of a head of keys: they walk along its positions together, a part of these at a time. */
#include <string.h>

#include "attention-steps.h"

enum {
  /** More are worth tiles. */
  FEW_QUERIES = 32,
  /** Queries at a time, and lines of 16 numbers whose sums registers hold for few of them. */
  WALKERS = 8,
  LINES = 8,
  /** Positions of a part: its scores fit into the cache next to the processor. */
  PART = 1024,
  /** Rows in bytes that become numbers at a time: so do these. */
  ROWS_AT_ONCE = 32,
  /** How far ahead of its use the cache is asked for, in bytes. */
  AHEAD = 4096,
};

bool areFew(const Attention *attention) { return queriesOf(attention) <= FEW_QUERIES; }

static int64_t partsOfStretch(const Stretch *stretch) { return ceilDivide(stretch->positions, PART); }

static int64_t partsOf(const Attention *attention) {
  int64_t parts = 0;
  for (int each = 0; each < attention->countStretches; each++) parts += partsOfStretch(attention->stretches + each);
  return parts;
}

/** A sum, the largest score and the sum of weights, with room for 16 numbers. */
static int64_t partWidth(const Attention *attention) { return attention->headDim + 16; }

int64_t walkNumbers(const Attention *attention) {
  if (!areFew(attention)) return 0;
  return attention->sequences * attention->tokens * attention->heads * partsOf(attention) * partWidth(attention);
}

int64_t countWalks(const Attention *attention) {
  return attention->sequences * attention->kvHeads * partsOf(attention);
}

INLINE void walkKeys(const float *keys, const float *queries, int64_t positions, const int64_t headDim, const int count,
                     float *scores) {
  for (int64_t position = 0; position < positions; position++) {
    const float *key = keys + position * headDim;
    for (int64_t line = 0; line < headDim; line += 16) _mm_prefetch((const char *)(key + line) + AHEAD, _MM_HINT_T0);
    UNROLLED
    for (int query = 0; query < count; query++) {
      __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
      for (int64_t at = 0; at < headDim; at += 32) {
        even = _mm512_fmadd_ps(_mm512_loadu_ps(key + at), _mm512_loadu_ps(queries + query * headDim + at), even);
        if (at + 16 < headDim) {
          odd = _mm512_fmadd_ps(_mm512_loadu_ps(key + at + 16), _mm512_loadu_ps(queries + query * headDim + at + 16), odd);
        }
      }
      scores[query * PART + position] = _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
    }
  }
}

/** Scores become weights. Returns their sum. */
INLINE float weigh(float *scores, int64_t positions, float *largest) {
  __m512 most = _mm512_set1_ps(-INFINITY);
  for (int64_t at = 0; at < positions; at += 16) {
    const __m512 some = _mm512_mask_loadu_ps(most, numbersLeft(positions - at), scores + at);
    most = _mm512_max_ps(most, some);
  }
  *largest = finite(_mm512_reduce_max_ps(most));
  __m512 sum = _mm512_setzero_ps();
  for (int64_t at = 0; at < positions; at += 16) {
    const __mmask16 some = numbersLeft(positions - at);
    const __m512 weight = _mm512_maskz_mov_ps(some, exponential(_mm512_sub_ps(_mm512_maskz_loadu_ps(some, scores + at), _mm512_set1_ps(*largest))));
    _mm512_mask_storeu_ps(scores + at, some, weight);
    sum = _mm512_add_ps(sum, weight);
  }
  return _mm512_reduce_add_ps(sum);
}

/** `lines` times 16 numbers of the values, added to `out`: their sums stay in registers. */
INLINE void walkLines(const float *values, int64_t positions, int64_t headDim, const int lines, const int count,
                      const float *weights, float *out, int64_t step) {
  __m512 sums[WALKERS][LINES];
  UNROLLED
  for (int query = 0; query < count; query++) {
    UNROLLED
    for (int line = 0; line < lines; line++) sums[query][line] = _mm512_loadu_ps(out + query * step + 16 * line);
  }
  for (int64_t position = 0; position < positions; position++) {
    const float *value = values + position * headDim;
    UNROLLED
    for (int line = 0; line < lines; line++) {
      _mm_prefetch((const char *)(value + 16 * line) + AHEAD, _MM_HINT_T0);
      const __m512 numbers = _mm512_loadu_ps(value + 16 * line);
      UNROLLED
      for (int query = 0; query < count; query++) {
        sums[query][line] = _mm512_fmadd_ps(_mm512_set1_ps(weights[query * PART + position]), numbers, sums[query][line]);
      }
    }
  }
  UNROLLED
  for (int query = 0; query < count; query++) {
    UNROLLED
    for (int line = 0; line < lines; line++) _mm512_storeu_ps(out + query * step + 16 * line, sums[query][line]);
  }
}

INLINE void walkValues(const float *values, int64_t positions, const int64_t headDim, const int count, const float *weights,
                       float *out, int64_t step) {
  int64_t at = 0;
  // Registers hold the sums of as many lines of few queries that values are read in one go.
  if (count <= 3) {
    for (; at + 16 * LINES <= headDim; at += 16 * LINES) walkLines(values + at, positions, headDim, LINES, count, weights, out + at, step);
  }
  for (; at + 64 <= headDim; at += 64) walkLines(values + at, positions, headDim, 4, count, weights, out + at, step);
  for (; at < headDim; at += 16) walkLines(values + at, positions, headDim, 1, count, weights, out + at, step);
}

/** A part of the positions that a head of keys has in a stretch. */
typedef struct {
  const Stretch *stretch;
  int64_t sequence, kvHead, from, to;
  /** [queries, headDim + 16], so many numbers apart. */
  float *out;
  int64_t step;
} Part;

static int64_t rowsAtOnce(const Rows *rows) { return rows->numbers ? PART : ROWS_AT_ONCE; }

/** `count` queries from `first` on. */
INLINE void walkPart(const Attention *attention, const Part *part, int64_t first, const int64_t headDim, const int count) {
  float scores[WALKERS * PART];
  _Alignas(64) float room[ROWS_AT_ONCE * MOST_HEAD_DIM];
  const Stretch *stretch = part->stretch;
  const int64_t head = part->sequence * attention->kvHeads + part->kvHead;
  const int64_t row = head * stretch->apart + part->from, positions = part->to - part->from;
  const float *queries = attention->queries + (head * queriesOf(attention) + first) * headDim;
  float *out = part->out + first * part->step;
  for (int64_t at = 0, some; at < positions; at += some) {
    some = least(rowsAtOnce(&stretch->keys), positions - at);
    walkKeys(numbersOf(&stretch->keys, row + at, some, headDim, room), queries, some, headDim, count, scores + at);
  }
  for (int query = 0; query < count; query++) {
    hide(attention, stretch, part->sequence, (first + query) / groupOf(attention), part->from, positions, scores + query * PART);
    float *own = out + query * part->step;
    memset(own, 0, headDim * 4);
    own[headDim + 1] = weigh(scores + query * PART, positions, own + headDim);
  }
  for (int64_t at = 0, some; at < positions; at += some) {
    some = least(rowsAtOnce(&stretch->values), positions - at);
    walkValues(numbersOf(&stretch->values, row + at, some, headDim, room), some, headDim, count, scores + at, out, part->step);
  }
}

INLINE void walkParts(const Attention *attention, const Part *part, const int64_t headDim) {
  const int64_t queries = queriesOf(attention);
  for (int64_t first = 0; first < queries; first += WALKERS) {
    switch (least(queries - first, WALKERS)) {
      case 1: walkPart(attention, part, first, headDim, 1); break;
      case 2: walkPart(attention, part, first, headDim, 2); break;
      case 3: walkPart(attention, part, first, headDim, 3); break;
      case 4: walkPart(attention, part, first, headDim, 4); break;
      case 5: walkPart(attention, part, first, headDim, 5); break;
      case 6: walkPart(attention, part, first, headDim, 6); break;
      case 7: walkPart(attention, part, first, headDim, 7); break;
      default: walkPart(attention, part, first, headDim, 8);
    }
  }
}

/** [sequences, kvHeads, queries, parts, headDim + 16]. */
static float *partAt(const Attention *attention, int64_t head, int64_t place) {
  return attention->parts + (head * queriesOf(attention) * partsOf(attention) + place) * partWidth(attention);
}

/** The part at a place; false when its sequence does not reach it. */
static bool findPart(const Attention *attention, int64_t place, Part *part) {
  const Stretch *stretch = attention->stretches;
  for (; place >= partsOfStretch(stretch); stretch++) place -= partsOfStretch(stretch);
  part->stretch = stretch;
  part->from = place * PART;
  part->to = least(part->from + PART, seenOf(attention, stretch, part->sequence, attention->tokens - 1));
  return part->from < part->to;
}

AVX512 void walkPiece(const Attention *attention, int64_t piece) {
  const int64_t parts = partsOf(attention), head = piece / parts, place = piece % parts;
  Part part = {.kvHead = head % attention->kvHeads, .sequence = head / attention->kvHeads};
  if (!findPart(attention, place, &part)) return;
  part.out = partAt(attention, head, place);
  part.step = parts * partWidth(attention);
  if (attention->headDim == 128) walkParts(attention, &part, 128);
  else walkParts(attention, &part, attention->headDim);
}

/** One query's parts, each as heavy as its weights are beside the others'. */
INLINE void joinQuery(const Attention *attention, const float *parts, int64_t count, float *to) {
  const int64_t headDim = attention->headDim, width = partWidth(attention);
  float largest = -FLT_MAX, sum = 0;
  for (int64_t part = 0; part < count; part++) {
    if (parts[part * width + headDim] > largest) largest = parts[part * width + headDim];
  }
  for (int64_t part = 0; part < count; part++) {
    sum += parts[part * width + headDim + 1] * exponentialOf(parts[part * width + headDim] - largest);
  }
  for (int64_t at = 0; at < headDim; at += 16) _mm512_storeu_ps(to + at, _mm512_setzero_ps());
  for (int64_t part = 0; part < count; part++) {
    const __m512 share = _mm512_set1_ps(exponentialOf(parts[part * width + headDim] - largest) / sum);
    for (int64_t at = 0; at < headDim; at += 16) {
      _mm512_storeu_ps(to + at, _mm512_fmadd_ps(share, _mm512_loadu_ps(parts + part * width + at), _mm512_loadu_ps(to + at)));
    }
  }
}

/** What a sequence does not reach are the last parts. */
static int64_t partsReached(const Attention *attention, int64_t sequence) {
  Part part = {.sequence = sequence};
  int64_t parts = partsOf(attention);
  while (parts > 0 && !findPart(attention, parts - 1, &part)) parts--;
  return parts;
}

AVX512 void joinParts(const Attention *attention, int64_t head) {
  const int64_t sequence = head / attention->kvHeads, kvHead = head % attention->kvHeads;
  const int64_t reached = partsReached(attention, sequence), step = partsOf(attention) * partWidth(attention);
  for (int64_t query = 0; query < queriesOf(attention); query++) {
    joinQuery(attention, partAt(attention, head, 0) + query * step, reached, attendedAt(attention, sequence, kvHead, query));
  }
}
