#include "attention.h"

#include <string.h>

#include "attention-steps.h"

/** Rows of less are zeros: what a step of them is worth could not be divided by. */
static const float SMALLEST = 1e-30f;

bool canAttend(const Attention *attention) {
  const int64_t headDim = attention->headDim, heads = attention->heads, kvHeads = attention->kvHeads;
  return headDim > 0 && headDim % 16 == 0 && headDim <= MOST_HEAD_DIM && kvHeads > 0 && heads > 0 && heads % kvHeads == 0;
}

bool seesKept(const Attention *attention) { return attention->keptKeys.steps && areFew(attention); }

static int64_t queryBytes(const Attention *attention) {
  return aligned(attention->sequences * attention->tokens * attention->heads * attention->headDim * 4);
}

/** Of new keys, and of new values. */
static int64_t newBytes(const Attention *attention) {
  if (attention->newKeys || attention->newHalfKeys || seesKept(attention)) return 0;
  return aligned(attention->sequences * attention->kvHeads * attention->newApart * attention->headDim * 4);
}

size_t attentionBytes(const Attention *attention) {
  return 64 + queryBytes(attention) + 2 * newBytes(attention) + walkNumbers(attention) * 4;
}

void placeAttention(Attention *attention, void *memory) {
  uint8_t *at = (uint8_t *)aligned((int64_t)memory);
  const int64_t own = newBytes(attention);
  attention->queries = (float *)at;
  at += queryBytes(attention);
  if (own > 0) {
    Stretch *last = &attention->stretches[attention->countStretches - 1];
    last->keys.numbers = attention->newKeys = (float *)at;
    last->values.numbers = attention->newValues = (float *)(at + own);
  }
  attention->parts = (float *)(at + 2 * own);
}

/** Pairs are half a head apart. */
INLINE void turn(const float *from, const float *cosines, const float *sines, int64_t headDim, float scale, float *to) {
  const int64_t half = headDim / 2;
  for (int64_t at = 0; at < half; at += 8) {
    const __m256 factor = _mm256_set1_ps(scale);
    const __m256 first = _mm256_mul_ps(factor, _mm256_loadu_ps(from + at));
    const __m256 second = _mm256_mul_ps(factor, _mm256_loadu_ps(from + half + at));
    const __m256 cosine = _mm256_loadu_ps(cosines + at), sine = _mm256_loadu_ps(sines + at);
    _mm256_storeu_ps(to + at, _mm256_fmsub_ps(first, cosine, _mm256_mul_ps(second, sine)));
    _mm256_storeu_ps(to + half + at, _mm256_fmadd_ps(second, cosine, _mm256_mul_ps(first, sine)));
  }
}

/** A row in float16. Numbers beyond 65,504 have no end there. */
INLINE void halve(const float *row, int64_t headDim, uint16_t *to) {
  for (int64_t at = 0; at < headDim; at += 16) {
    _mm256_storeu_si256((__m256i *)(to + at), _mm512_cvtps_ph(_mm512_loadu_ps(row + at), _MM_FROUND_TO_NEAREST_INT));
  }
}

/** A row as whole steps up to 127. Of one with something that is not finite, nothing is a number. */
INLINE void keep(const KeptRows *kept, int64_t place, const float *row, int64_t headDim) {
  __m512 most = _mm512_setzero_ps();
  __mmask16 strange = 0;
  for (int64_t at = 0; at < headDim; at += 16) {
    const __m512 numbers = _mm512_loadu_ps(row + at);
    most = _mm512_max_ps(most, _mm512_abs_ps(numbers));
    strange |= _mm512_fpclass_ps_mask(numbers, ENDLESS);
  }
  const float largest = _mm512_reduce_max_ps(most);
  const bool areZeros = largest < SMALLEST;
  const __m512 perNumber = _mm512_set1_ps(areZeros ? 0 : 127 / largest);
  for (int64_t at = 0; at < headDim; at += 16) {
    const __m512i steps = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(row + at), perNumber));
    const __m128i bytes = _mm_xor_si128(_mm512_cvtsepi32_epi8(steps), _mm_set1_epi8((char)kept->zero));
    _mm_storeu_si128((__m128i *)(kept->steps + place * headDim + at), bytes);
  }
  kept->sizes[place] = strange ? NAN : areZeros ? 0 : largest / 127;
}

/** [heads and 2 · kvHeads, headDim]: queries, keys and values of a row. */
static const float *rowAt(const Attention *attention, int64_t row) {
  return attention->rows + row * (attention->heads + 2 * attention->kvHeads) * attention->headDim;
}

AVX512 static void turnQueries(const Attention *attention, int64_t row) {
  const int64_t headDim = attention->headDim, group = groupOf(attention);
  const int64_t sequence = row / attention->tokens, token = row % attention->tokens;
  const float *queries = rowAt(attention, row);
  const int64_t angle = attention->angles[row] * (headDim / 2);
  for (int64_t head = 0; head < attention->kvHeads; head++) {
    float *to = attention->queries + ((sequence * attention->kvHeads + head) * attention->tokens + token) * group * headDim;
    for (int64_t each = 0; each < group; each++) {
      turn(queries + (head * group + each) * headDim, attention->cosines + angle, attention->sines + angle, headDim, attention->scale,
           to + each * headDim);
    }
  }
}

/** Where a row of a head goes whose numbers are kept in bytes, behind those of the first stretch. */
static int64_t keptPlace(const Attention *attention, int64_t sequence, int64_t head, int64_t token) {
  return head * attention->stretches[0].apart + seenBy(attention, sequence, token) - 1;
}

AVX512 void placeHead(const Attention *attention, int64_t sequence, int64_t head, int64_t token) {
  const int64_t headDim = attention->headDim, row = sequence * attention->tokens + token;
  const float *key = rowAt(attention, row) + (attention->heads + head) * headDim, *value = key + attention->kvHeads * headDim;
  const int64_t angle = attention->angles[row] * (headDim / 2);
  float turned[MOST_HEAD_DIM];
  turn(key, attention->cosines + angle, attention->sines + angle, headDim, 1, turned);
  const int64_t position = firstNew(attention, sequence) + token;
  const int64_t place = ((sequence * attention->kvHeads + head) * attention->newApart + position) * headDim;
  if (attention->newHalfKeys) {
    halve(turned, headDim, attention->newHalfKeys + place);
    halve(value, headDim, attention->newHalfValues + place);
  } else if (attention->newKeys) {
    memcpy(attention->newKeys + place, turned, headDim * 4);
    memcpy(attention->newValues + place, value, headDim * 4);
  }
  if (!attention->keptKeys.steps) return;
  const int64_t kept = keptPlace(attention, sequence, head, token);
  keep(&attention->keptKeys, kept, turned, headDim);
  keep(&attention->keptValues, kept, value, headDim);
}

void placeRow(const Attention *attention, int64_t row) {
  turnQueries(attention, row);
  if (areFew(attention)) return;
  for (int64_t head = 0; head < attention->kvHeads; head++) {
    placeHead(attention, row / attention->tokens, head, row % attention->tokens);
  }
}

int64_t countAttentionPieces(const Attention *attention) {
  return areFew(attention) ? countWalks(attention) : countTiles(attention);
}

void attendPiece(const Attention *attention, int64_t piece) {
  if (areFew(attention)) walkPiece(attention, piece);
  else tilePiece(attention, piece);
}

int64_t countJoins(const Attention *attention) {
  return areFew(attention) ? attention->sequences * attention->kvHeads : 0;
}
