/** What both ways to attend have in common: few queries that walk along the positions, and tiles of many. */
#pragma once
#include <float.h>
#include <math.h>

#include "attention.h"
#include "vectors.h"

enum { MOST_HEAD_DIM = 256 };

static inline int64_t groupOf(const Attention *attention) { return attention->heads / attention->kvHeads; }
/** Queries of a head of keys. */
static inline int64_t queriesOf(const Attention *attention) { return attention->tokens * groupOf(attention); }

/** A row of queries stands by its own in what is attended: [sequences, tokens, heads, headDim]. */
static inline float *attendedAt(const Attention *attention, int64_t sequence, int64_t kvHead, int64_t query) {
  const int64_t group = groupOf(attention);
  const int64_t token = sequence * attention->tokens + query / group;
  return attention->attended + (token * attention->heads + kvHead * group + query % group) * attention->headDim;
}

/** How many positions of all stretches a token sees at most. */
static inline int64_t seenBy(const Attention *attention, int64_t sequence, int64_t token) {
  if (attention->mask) return INT64_MAX;
  return attention->lastPositions[sequence] + 1 - (attention->tokens - 1 - token);
}

/** Some positions that a head of keys has in a stretch. */
typedef struct {
  const Stretch *stretch;
  int64_t sequence, kvHead;
  /** The first of them, and the one behind the last. */
  int64_t from, to;
} Span;

static inline int64_t positionsOf(const Span *span) { return span->to - span->from; }

/** The place of its head among those of all sequences. */
static inline int64_t headOf(const Attention *attention, const Span *span) {
  return span->sequence * attention->kvHeads + span->kvHead;
}
/** Its first row of keys and of values. */
static inline int64_t rowOf(const Attention *attention, const Span *span) {
  return headOf(attention, span) * span->stretch->apart + span->from;
}
/** Queries of its head from `first` on. */
static inline const float *queriesAt(const Attention *attention, const Span *span, int64_t first) {
  return attention->queries + (headOf(attention, span) * queriesOf(attention) + first) * attention->headDim;
}
/** How many positions of its stretch a token sees. */
static inline int64_t seenOf(const Attention *attention, const Span *span, int64_t token) {
  return least(span->stretch->positions, seenBy(attention, span->sequence, token) - span->stretch->first);
}

/** Where new rows of a sequence begin in the last stretch. */
static inline int64_t firstNew(const Attention *attention, int64_t sequence) {
  return attention->areBehind ? seenBy(attention, sequence, 0) - 1 : 0;
}

bool areFew(const Attention *attention);

/** Writes the new key and value of a token, turned, and rounded where that is wanted. */
void placeHead(const Attention *attention, int64_t sequence, int64_t head, int64_t token);

/** Scores of its positions: those that a token does not see become -infinity. */
INLINE void hide(const Attention *attention, const Span *span, int64_t token, float *scores) {
  const int64_t count = positionsOf(span);
  if (!attention->mask) {
    const int64_t seen = seenOf(attention, span, token) - span->from;
    for (int64_t at = count; at > seen && at > 0; at--) scores[at - 1] = -INFINITY;
    return;
  }
  const float *mask = attention->mask + token * attention->maskWidth + span->stretch->first + span->from;
  for (int64_t at = 0; at < count; at += 16) {
    const __m512 some = _mm512_maskz_loadu_ps(numbersLeft(count - at), mask + at);
    const __mmask16 hidden = _mm512_cmp_ps_mask(some, _mm512_setzero_ps(), _CMP_LT_OQ);
    _mm512_mask_storeu_ps(scores + at, hidden, _mm512_set1_ps(-INFINITY));
  }
}

/** Of 16 bytes, with 128 less where that stands for 0. */
INLINE __m512 bytesAsNumbers(__m128i bytes, __m128i sign) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_xor_si128(bytes, sign)));
}

/** Of 16 halves. */
INLINE __m512 halvesAsNumbers(const uint16_t *halves) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)halves)); }

/** `count` rows as numbers: where they stand, or made in `room` from halves or bytes. */
INLINE const float *numbersOf(const Rows *rows, int64_t first, int64_t count, const int64_t headDim, float *room) {
  if (rows->numbers) return rows->numbers + first * headDim;
  if (rows->halves) {
    for (int64_t at = 0; at < count * headDim; at += 16) _mm512_store_ps(room + at, halvesAsNumbers(rows->halves + first * headDim + at));
    return room;
  }
  const __m128i sign = _mm_set1_epi8((char)rows->zero);
  for (int64_t row = 0; row < count; row++) {
    const uint8_t *steps = rows->steps + (first + row) * headDim;
    const __m512 size = _mm512_set1_ps(rows->sizes[first + row]);
    for (int64_t at = 0; at < headDim; at += 16) {
      const __m512 numbers = bytesAsNumbers(_mm_loadu_si128((const __m128i *)(steps + at)), sign);
      _mm512_store_ps(room + row * headDim + at, _mm512_mul_ps(numbers, size));
    }
  }
  return room;
}

/** NaN, and numbers without end. */
enum { ENDLESS = 0x99 };

INLINE bool areFinite(const float *numbers, int64_t count) {
  __mmask16 strange = 0;
  for (int64_t at = 0; at < count; at += 16) strange |= _mm512_fpclass_ps_mask(_mm512_loadu_ps(numbers + at), ENDLESS);
  return !strange;
}

/**
 * Values by their weights, where not all are finite: those that a query does not see weigh 0, but so many of
 * them would still be no number.
 */
INLINE void addSeen(const float *values, int64_t positions, int64_t headDim, const float *weights, float *to) {
  for (int64_t position = 0; position < positions; position++) {
    if (weights[position] == 0) continue;
    const __m512 weight = _mm512_set1_ps(weights[position]);
    for (int64_t at = 0; at < headDim; at += 16) {
      const __m512 value = _mm512_loadu_ps(values + position * headDim + at);
      _mm512_storeu_ps(to + at, _mm512_fmadd_ps(weight, value, _mm512_loadu_ps(to + at)));
    }
  }
}

INLINE float exponentialOf(float x) { return _mm512_cvtss_f32(exponential(_mm512_set1_ps(x))); }

/** What scores count from: of those that all are -infinity, or no numbers, the least there is. */
static inline float atLeastFinite(float largest) { return largest > -FLT_MAX ? largest : -FLT_MAX; }

/* Few queries (walk-attention.c). */
/** Memory for what they find, in numbers. */
int64_t walkNumbers(const Attention *attention);
int64_t countWalks(const Attention *attention);
void walkPiece(const Attention *attention, int64_t piece);

/* Many (tile-attention.c). */
int64_t countTiles(const Attention *attention);
void tilePiece(const Attention *attention, int64_t piece);
