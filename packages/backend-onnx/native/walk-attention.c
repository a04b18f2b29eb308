/** Few queries of a head of keys: they walk along its positions together, a part of these at a time. */
#include <string.h>

#include "attention-steps.h"

enum {
  /** More are worth tiles. */
  FEW_QUERIES = 32,
  /** Queries at a time, and lines of 16 numbers whose sums registers hold for few of them. */
  WALKERS = 8,
  LINES = 8,
  /** Places of the keys that one or two queries walk along together (see walk-product.c). */
  WALKS = 4,
  /** Positions of a part: its scores fit into the cache next to the processor. */
  PART = 1024,
  /** How far ahead of its use the cache is asked for, in numbers. */
  AHEAD = 1024,
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

/** 16 numbers, or whole ones before they are multiplied by what a step is worth. */
INLINE __m512 numbersAt(const Rows *rows, int64_t place, const bool areBytes) {
  if (!areBytes) return _mm512_loadu_ps(rows->numbers + place);
  const __m128i sign = _mm_set1_epi8((char)rows->zero);
  return bytesAsNumbers(_mm_loadu_si128((const __m128i *)(rows->steps + place)), sign);
}

/** Once a line of the cache, of which 4 lines of bytes are one. */
INLINE void askAhead(const Rows *rows, int64_t place, const int line, const bool areBytes) {
  if (!areBytes) _mm_prefetch((const char *)(rows->numbers + place + AHEAD), _MM_HINT_T0);
  else if (line % 4 == 0) _mm_prefetch((const char *)(rows->steps + place + AHEAD), _MM_HINT_T0);
}

/** `lines` times 16 numbers of the key of a position, by those of a query. */
INLINE __m512 multiplyKey(const __m512 *key, const float *query, const int lines) {
  __m512 sums[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  UNROLLED
  for (int line = 0; line < lines; line++) sums[line % 2] = _mm512_fmadd_ps(key[line], _mm512_loadu_ps(query + 16 * line), sums[line % 2]);
  return _mm512_add_ps(sums[0], sums[1]);
}

/** Positions `apart` from each other, as many as there are walks. */
INLINE void multiplyKeys(const Rows *keys, int64_t place, int64_t apart, int64_t headDim, const int lines, const int walks, const int count,
                         const float *queries, float *scores, bool areFirst, const bool areBytes) {
  __m512 sums[WALKERS][WALKS];
  UNROLLED
  for (int walk = 0; walk < walks; walk++) {
    const int64_t at = place + walk * apart * headDim;
    __m512 key[LINES];
    UNROLLED
    for (int line = 0; line < lines; line++) {
      askAhead(keys, at + 16 * line, line, areBytes);
      key[line] = numbersAt(keys, at + 16 * line, areBytes);
    }
    UNROLLED
    for (int query = 0; query < count; query++) sums[query][walk] = multiplyKey(key, queries + query * headDim, lines);
  }
  UNROLLED
  for (int query = 0; query < count; query++) {
    float found[WALKS] __attribute__((aligned(16)));
    if (walks == 1) found[0] = addOne(sums[query][0]);
    else _mm_store_ps(found, addEach(sums[query]));
    UNROLLED
    for (int walk = 0; walk < walks; walk++) {
      float *score = scores + query * PART + walk * apart;
      *score = areFirst ? found[walk] : *score + found[walk];
    }
  }
}

/** `lines` times 16 numbers of keys, from `at` on: what they add to scores. More queries have enough to do at one place. */
INLINE void walkKeyLines(const Rows *keys, int64_t row, int64_t positions, int64_t headDim, int64_t at, const int lines, const int count,
                         const float *queries, float *scores, const bool areBytes) {
  const int walks = count <= 2 ? WALKS : 1;
  const int64_t apart = positions / walks;
  for (int64_t position = 0; position < apart; position++) {
    multiplyKeys(keys, (row + position) * headDim + at, apart, headDim, lines, walks, count, queries + at, scores + position, at == 0, areBytes);
  }
  for (int64_t position = apart * walks; position < positions; position++) {
    multiplyKeys(keys, (row + position) * headDim + at, apart, headDim, lines, 1, count, queries + at, scores + position, at == 0, areBytes);
  }
}

/**
 * Rows of whole numbers give scores, and take weights, that lack what their steps are worth. What weighs 0 stays 0:
 * a row that nobody sees may be worth no number.
 */
INLINE void multiplyBySizes(const Rows *rows, int64_t row, int64_t positions, const int count, float *scores, const bool areWeights) {
  for (int64_t at = 0; at < positions; at += 16) {
    const __mmask16 some = numbersLeft(positions - at);
    const __m512 sizes = _mm512_maskz_loadu_ps(some, rows->sizes + row + at);
    for (int query = 0; query < count; query++) {
      float *own = scores + query * PART + at;
      const __m512 numbers = _mm512_maskz_loadu_ps(some, own);
      const __mmask16 meant = areWeights ? _mm512_cmp_ps_mask(numbers, _mm512_setzero_ps(), _CMP_NEQ_UQ) : some;
      _mm512_mask_storeu_ps(own, meant, _mm512_mul_ps(numbers, sizes));
    }
  }
}

INLINE void walkKeys(const Rows *keys, int64_t row, int64_t positions, const int64_t headDim, const int count, const float *queries,
                     float *scores, const bool areBytes) {
  int64_t at = 0;
  for (; at + 16 * LINES <= headDim; at += 16 * LINES) walkKeyLines(keys, row, positions, headDim, at, LINES, count, queries, scores, areBytes);
  for (; at + 64 <= headDim; at += 64) walkKeyLines(keys, row, positions, headDim, at, 4, count, queries, scores, areBytes);
  for (; at < headDim; at += 16) walkKeyLines(keys, row, positions, headDim, at, 1, count, queries, scores, areBytes);
  if (areBytes) multiplyBySizes(keys, row, positions, count, scores, false);
}

/** Scores become weights. Returns their sum. */
INLINE float weigh(float *scores, int64_t positions, float *largest) {
  __m512 most = _mm512_set1_ps(-INFINITY);
  for (int64_t at = 0; at < positions; at += 16) {
    const __m512 some = _mm512_mask_loadu_ps(most, numbersLeft(positions - at), scores + at);
    most = _mm512_max_ps(most, some);
  }
  *largest = atLeastFinite(_mm512_reduce_max_ps(most));
  __m512 sum = _mm512_setzero_ps();
  for (int64_t at = 0; at < positions; at += 16) {
    const __mmask16 some = numbersLeft(positions - at);
    const __m512 weight = _mm512_maskz_mov_ps(some, exponential(_mm512_sub_ps(_mm512_maskz_loadu_ps(some, scores + at), _mm512_set1_ps(*largest))));
    _mm512_mask_storeu_ps(scores + at, some, weight);
    sum = _mm512_add_ps(sum, weight);
  }
  return _mm512_reduce_add_ps(sum);
}

/** `lines` times 16 numbers of the value of a position, by its weights. */
INLINE void addValue(const Rows *values, int64_t place, const int lines, const int count, const float *weights, __m512 (*sums)[LINES],
                     const bool areBytes) {
  UNROLLED
  for (int line = 0; line < lines; line++) {
    askAhead(values, place + 16 * line, line, areBytes);
    const __m512 numbers = numbersAt(values, place + 16 * line, areBytes);
    UNROLLED
    for (int query = 0; query < count; query++) {
      sums[query][line] = _mm512_fmadd_ps(_mm512_set1_ps(weights[query * PART]), numbers, sums[query][line]);
    }
  }
}

/** `lines` times 16 numbers of the values, from `at` on: their sums stay in registers. */
INLINE void walkValueLines(const Rows *values, int64_t row, int64_t positions, int64_t headDim, int64_t at, const int lines,
                           const int count, const float *weights, float *out, int64_t step, const bool areBytes) {
  __m512 sums[WALKERS][LINES];
  UNROLLED
  for (int query = 0; query < count; query++) {
    UNROLLED
    for (int line = 0; line < lines; line++) sums[query][line] = _mm512_setzero_ps();
  }
  for (int64_t position = 0; position < positions; position++) {
    addValue(values, (row + position) * headDim + at, lines, count, weights + position, sums, areBytes);
  }
  UNROLLED
  for (int query = 0; query < count; query++) {
    UNROLLED
    for (int line = 0; line < lines; line++) _mm512_storeu_ps(out + query * step + at + 16 * line, sums[query][line]);
  }
}

INLINE void walkValues(const Rows *values, int64_t row, int64_t positions, const int64_t headDim, const int count, float *weights,
                       float *out, int64_t step, const bool areBytes) {
  if (areBytes) multiplyBySizes(values, row, positions, count, weights, true);
  int64_t at = 0;
  // Registers hold the sums of as many lines of few queries that values are read in one go.
  if (count <= 3) {
    for (; at + 16 * LINES <= headDim; at += 16 * LINES) {
      walkValueLines(values, row, positions, headDim, at, LINES, count, weights, out, step, areBytes);
    }
  }
  for (; at + 64 <= headDim; at += 64) walkValueLines(values, row, positions, headDim, at, 4, count, weights, out, step, areBytes);
  for (; at < headDim; at += 16) walkValueLines(values, row, positions, headDim, at, 1, count, weights, out, step, areBytes);
}

/** A part of the positions that a head of keys has in a stretch. */
typedef struct {
  const Stretch *stretch;
  int64_t sequence, kvHead, from, to;
  /** [queries, headDim + 16], so many numbers apart. */
  float *out;
  int64_t step;
} Part;

/** `count` queries from `first` on. */
INLINE void walkPart(const Attention *attention, const Part *part, int64_t first, const int64_t headDim, const int count, const bool areBytes) {
  float scores[WALKERS * PART];
  const Stretch *stretch = part->stretch;
  const int64_t head = part->sequence * attention->kvHeads + part->kvHead;
  const int64_t row = head * stretch->apart + part->from, positions = part->to - part->from;
  const float *queries = attention->queries + (head * queriesOf(attention) + first) * headDim;
  float *out = part->out + first * part->step;
  walkKeys(&stretch->keys, row, positions, headDim, count, queries, scores, areBytes);
  for (int query = 0; query < count; query++) {
    hide(attention, stretch, part->sequence, (first + query) / groupOf(attention), part->from, positions, scores + query * PART);
    float *own = out + query * part->step + headDim;
    own[1] = weigh(scores + query * PART, positions, own);
  }
  walkValues(&stretch->values, row, positions, headDim, count, scores, out, part->step, areBytes);
  for (int query = 0; query < count && !areBytes; query++) {
    float *own = out + query * part->step;
    if (areFinite(own, headDim)) continue;
    memset(own, 0, headDim * 4);
    addSeen(stretch->values.numbers + row * headDim, positions, headDim, scores + query * PART, own);
  }
}

/** As many queries at a time as there are functions for. */
INLINE void walkParts(const Attention *attention, const Part *part, const int64_t headDim, const bool areBytes) {
  const int64_t queries = queriesOf(attention);
  int64_t first = 0;
  for (; first + 8 <= queries; first += 8) walkPart(attention, part, first, headDim, 8, areBytes);
  for (; first + 6 <= queries; first += 6) walkPart(attention, part, first, headDim, 6, areBytes);
  for (; first + 4 <= queries; first += 4) walkPart(attention, part, first, headDim, 4, areBytes);
  for (; first + 2 <= queries; first += 2) walkPart(attention, part, first, headDim, 2, areBytes);
  for (; first < queries; first++) walkPart(attention, part, first, headDim, 1, areBytes);
}

/** For heads of another width than most models have, with fewer functions. */
AVX512 static void walkAnyParts(const Attention *attention, const Part *part) {
  const bool areBytes = !part->stretch->keys.numbers;
  const int64_t queries = queriesOf(attention);
  int64_t first = 0;
  for (; first + 4 <= queries; first += 4) walkPart(attention, part, first, attention->headDim, 4, areBytes);
  for (; first < queries; first++) walkPart(attention, part, first, attention->headDim, 1, areBytes);
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

/** New rows that stand in a part: whoever walks along it writes them, for their pages may be new as well. */
static void placeNewRows(const Attention *attention, const Part *part) {
  if (part->stretch != attention->stretches + attention->countStretches - 1) return;
  const int64_t first = firstNew(attention, part->sequence);
  for (int64_t token = 0; token < attention->tokens; token++) {
    const int64_t position = first + token;
    if (position >= part->from && position < part->to) placeHead(attention, part->sequence, part->kvHead, token);
  }
}

AVX512 void walkPiece(const Attention *attention, int64_t piece) {
  const int64_t parts = partsOf(attention), head = piece / parts, place = piece % parts;
  Part part = {.kvHead = head % attention->kvHeads, .sequence = head / attention->kvHeads};
  if (!findPart(attention, place, &part)) return;
  part.out = partAt(attention, head, place);
  part.step = parts * partWidth(attention);
  placeNewRows(attention, &part);
  if (attention->headDim != 128) walkAnyParts(attention, &part);
  else if (!part.stretch->keys.numbers) walkParts(attention, &part, 128, true);
  else walkParts(attention, &part, 128, false);
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
