/** Few queries of a head of keys: they walk along its positions together, a part of these at a time. */
#include <string.h>

#include "attention-steps.h"

enum {
  /** More are worth tiles: nine tokens, as a run has that checks guesses, with four heads for each of keys. */
  FEW_QUERIES = 36,
  /** Queries at a time, and lines of 16 numbers whose sums registers hold for few of them. */
  WALKERS = 8,
  LINES = 8,
  /** Places of the keys that one or two queries walk along together (see walk-product.c). */
  WALKS = 4,
  /** Positions of a part: its scores fit into the cache next to the processor. */
  PART = 1024,
  /** How far ahead of its use the cache is asked for, in numbers; halves in two steps (see walk-product.c). */
  AHEAD = 1024,
  HALVES_AHEAD = 512,
  HALVES_FAR_AHEAD = 2048,
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

/** What rows are. */
typedef enum { NUMBERS, HALVES, STEPS } Kind;

static Kind kindOf(const Rows *rows) { return rows->numbers ? NUMBERS : rows->halves ? HALVES : STEPS; }

/** 16 numbers, or whole ones before they are multiplied by what a step is worth. */
INLINE __m512 numbersAt(const Rows *rows, int64_t place, const Kind kind) {
  if (kind == HALVES) return halvesAsNumbers(rows->halves + place);
  if (kind == NUMBERS) return _mm512_loadu_ps(rows->numbers + place);
  const __m128i sign = _mm_set1_epi8((char)rows->zero);
  return bytesAsNumbers(_mm_loadu_si128((const __m128i *)(rows->steps + place)), sign);
}

/** Once a line of the cache, of which 2 lines of halves are one, or 4 of bytes. */
INLINE void askAhead(const Rows *rows, int64_t place, const int line, const Kind kind) {
  if (kind == NUMBERS) _mm_prefetch((const char *)(rows->numbers + place + AHEAD), _MM_HINT_T0);
  if (kind == STEPS && line % 4 == 0) _mm_prefetch((const char *)(rows->steps + place + AHEAD), _MM_HINT_T0);
  if (kind == HALVES && line % 2 == 0) {
    _mm_prefetch((const char *)(rows->halves + place + HALVES_FAR_AHEAD), _MM_HINT_T1);
    _mm_prefetch((const char *)(rows->halves + place + HALVES_AHEAD), _MM_HINT_T0);
  }
}

/** `lines` times 16 numbers of the key of a position. */
INLINE void loadKey(const Rows *keys, int64_t place, __m512 *key, const int lines, const Kind kind) {
  UNROLLED
  for (int line = 0; line < lines; line++) {
    askAhead(keys, place + 16 * line, line, kind);
    key[line] = numbersAt(keys, place + 16 * line, kind);
  }
}

/** By those of a query. */
INLINE __m512 multiplyKey(const __m512 *key, const float *query, const int lines) {
  __m512 sums[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  UNROLLED
  for (int line = 0; line < lines; line++) sums[line % 2] = _mm512_fmadd_ps(key[line], _mm512_loadu_ps(query + 16 * line), sums[line % 2]);
  return _mm512_add_ps(sums[0], sums[1]);
}

/** Some queries of a head of keys, the rows that they walk along, and what they find there. */
typedef struct {
  const Rows *keys, *values;
  /** The first of these rows, and how many. */
  int64_t row, positions;
  /** [queries, headDim]. */
  const float *queries;
  /** [queries, PART]: scores, then weights. */
  float *scores;
  /** [queries, headDim + 16], so many numbers apart. */
  float *out;
  int64_t step;
} Walk;

/** Positions between two walks. */
INLINE int64_t apartOf(const Walk *walk, const int walks) { return walk->positions / walks; }

/** What numbers from `at` on add to the scores of a position of each walk. */
INLINE void addScores(const Walk *walk, int64_t position, int64_t at, const __m512 (*sums)[WALKS], const int walks, const int count) {
  UNROLLED
  for (int query = 0; query < count; query++) {
    float found[WALKS] __attribute__((aligned(16)));
    if (walks == 1) found[0] = addOne(sums[query][0]);
    else _mm_store_ps(found, addEach(sums[query]));
    UNROLLED
    for (int each = 0; each < walks; each++) {
      float *score = walk->scores + query * PART + position + each * apartOf(walk, walks);
      *score = at == 0 ? found[each] : *score + found[each];
    }
  }
}

/** `lines` times 16 numbers of keys, from `at` on, at a position of each walk. */
INLINE void multiplyKeys(const Walk *walk, int64_t position, int64_t at, const int64_t headDim, const int lines, const int walks,
                         const int count, const Kind kind) {
  __m512 sums[WALKERS][WALKS];
  UNROLLED
  for (int each = 0; each < walks; each++) {
    const int64_t row = walk->row + position + each * apartOf(walk, walks);
    __m512 key[LINES];
    loadKey(walk->keys, row * headDim + at, key, lines, kind);
    UNROLLED
    for (int query = 0; query < count; query++) sums[query][each] = multiplyKey(key, walk->queries + query * headDim + at, lines);
  }
  addScores(walk, position, at, sums, walks, count);
}

/** And at all of them. More queries have enough to do at one place. */
INLINE void walkKeyLines(const Walk *walk, int64_t at, const int64_t headDim, const int lines, const int count, const Kind kind) {
  const int walks = count <= 2 ? WALKS : 1;
  const int64_t apart = apartOf(walk, walks);
  for (int64_t position = 0; position < apart; position++) multiplyKeys(walk, position, at, headDim, lines, walks, count, kind);
  for (int64_t position = apart * walks; position < walk->positions; position++) {
    multiplyKeys(walk, position, at, headDim, lines, 1, count, kind);
  }
}

/**
 * Rows of whole numbers give scores, and take weights, that lack what their steps are worth. What weighs 0 stays 0:
 * a row that nobody sees may be worth no number.
 */
INLINE void multiplyBySizes(const Walk *walk, const int count, const bool areWeights) {
  const Rows *rows = areWeights ? walk->values : walk->keys;
  for (int64_t at = 0; at < walk->positions; at += 16) {
    const __mmask16 some = numbersLeft(walk->positions - at);
    const __m512 sizes = _mm512_maskz_loadu_ps(some, rows->sizes + walk->row + at);
    for (int query = 0; query < count; query++) {
      float *own = walk->scores + query * PART + at;
      const __m512 numbers = _mm512_maskz_loadu_ps(some, own);
      const __mmask16 meant = areWeights ? _mm512_cmp_ps_mask(numbers, _mm512_setzero_ps(), _CMP_NEQ_UQ) : some;
      _mm512_mask_storeu_ps(own, meant, _mm512_mul_ps(numbers, sizes));
    }
  }
}

INLINE void walkKeys(const Walk *walk, const int64_t headDim, const int count, const Kind kind) {
  int64_t at = 0;
  for (; at + 16 * LINES <= headDim; at += 16 * LINES) walkKeyLines(walk, at, headDim, LINES, count, kind);
  for (; at + 64 <= headDim; at += 64) walkKeyLines(walk, at, headDim, 4, count, kind);
  for (; at < headDim; at += 16) walkKeyLines(walk, at, headDim, 1, count, kind);
  if (kind == STEPS) multiplyBySizes(walk, count, false);
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
INLINE void addValue(const Rows *values, int64_t place, const float *weights, __m512 (*sums)[LINES], const int lines, const int count,
                     const Kind kind) {
  UNROLLED
  for (int line = 0; line < lines; line++) {
    askAhead(values, place + 16 * line, line, kind);
    const __m512 numbers = numbersAt(values, place + 16 * line, kind);
    UNROLLED
    for (int query = 0; query < count; query++) {
      sums[query][line] = _mm512_fmadd_ps(_mm512_set1_ps(weights[query * PART]), numbers, sums[query][line]);
    }
  }
}

/** `lines` times 16 numbers of the values, from `at` on: their sums stay in registers. */
INLINE void walkValueLines(const Walk *walk, int64_t at, const int64_t headDim, const int lines, const int count, const Kind kind) {
  __m512 sums[WALKERS][LINES];
  UNROLLED
  for (int query = 0; query < count; query++) {
    UNROLLED
    for (int line = 0; line < lines; line++) sums[query][line] = _mm512_setzero_ps();
  }
  for (int64_t position = 0; position < walk->positions; position++) {
    addValue(walk->values, (walk->row + position) * headDim + at, walk->scores + position, sums, lines, count, kind);
  }
  UNROLLED
  for (int query = 0; query < count; query++) {
    UNROLLED
    for (int line = 0; line < lines; line++) _mm512_storeu_ps(walk->out + query * walk->step + at + 16 * line, sums[query][line]);
  }
}

INLINE void walkValues(const Walk *walk, const int64_t headDim, const int count, const Kind kind) {
  if (kind == STEPS) multiplyBySizes(walk, count, true);
  int64_t at = 0;
  // Registers hold the sums of as many lines of few queries that values are read in one go.
  if (count <= 3) {
    for (; at + 16 * LINES <= headDim; at += 16 * LINES) walkValueLines(walk, at, headDim, LINES, count, kind);
  }
  for (; at + 64 <= headDim; at += 64) walkValueLines(walk, at, headDim, 4, count, kind);
  for (; at < headDim; at += 16) walkValueLines(walk, at, headDim, 1, count, kind);
}

/** A part of the positions that a head of keys has in a stretch, and what its queries find there, as in `Walk`. */
typedef struct {
  Span span;
  float *out;
  int64_t step;
} Part;

INLINE Walk startWalk(const Attention *attention, const Part *part, int64_t first, float *scores) {
  const Span *span = &part->span;
  return (Walk){
      .keys = &span->stretch->keys,
      .values = &span->stretch->values,
      .row = rowOf(attention, span),
      .positions = positionsOf(span),
      .queries = queriesAt(attention, span, first),
      .scores = scores,
      .out = part->out + first * part->step,
      .step = part->step,
  };
}

/** What a query sees of the values, where not all of them are finite. */
static AVX512 void addOneByOne(const Walk *walk, int query, int64_t headDim, float *sum) {
  _Alignas(64) float room[MOST_HEAD_DIM];
  memset(sum, 0, headDim * 4);
  for (int64_t position = 0; position < walk->positions; position++) {
    const float *value = numbersOf(walk->values, walk->row + position, 1, headDim, room);
    addSeen(value, 1, headDim, walk->scores + query * PART + position, sum);
  }
}

/** `count` queries from `first` on. */
INLINE void walkPart(const Attention *attention, const Part *part, int64_t first, const int64_t headDim, const int count, const Kind kind) {
  float scores[WALKERS * PART];
  const Walk walk = startWalk(attention, part, first, scores);
  walkKeys(&walk, headDim, count, kind);
  for (int query = 0; query < count; query++) {
    hide(attention, &part->span, (first + query) / groupOf(attention), scores + query * PART);
    float *own = walk.out + query * walk.step + headDim;
    own[1] = weigh(scores + query * PART, walk.positions, own);
  }
  walkValues(&walk, headDim, count, kind);
  for (int query = 0; query < count && kind != STEPS; query++) {
    float *own = walk.out + query * walk.step;
    if (!areFinite(own, headDim)) addOneByOne(&walk, query, headDim, own);
  }
}

/** As many queries at a time as there are functions for. */
INLINE void walkParts(const Attention *attention, const Part *part, const int64_t headDim, const Kind kind) {
  const int64_t queries = queriesOf(attention);
  int64_t first = 0;
  for (; first + 8 <= queries; first += 8) walkPart(attention, part, first, headDim, 8, kind);
  for (; first + 6 <= queries; first += 6) walkPart(attention, part, first, headDim, 6, kind);
  for (; first + 4 <= queries; first += 4) walkPart(attention, part, first, headDim, 4, kind);
  for (; first + 2 <= queries; first += 2) walkPart(attention, part, first, headDim, 2, kind);
  for (; first < queries; first++) walkPart(attention, part, first, headDim, 1, kind);
}

AVX512 static void walk128(const Attention *attention, const Part *part) {
  switch (kindOf(&part->span.stretch->keys)) {
    case NUMBERS: return walkParts(attention, part, 128, NUMBERS);
    case HALVES: return walkParts(attention, part, 128, HALVES);
    case STEPS: return walkParts(attention, part, 128, STEPS);
  }
}

/** With fewer functions. */
INLINE void walkFewParts(const Attention *attention, const Part *part, const Kind kind) {
  const int64_t queries = queriesOf(attention);
  int64_t first = 0;
  for (; first + 4 <= queries; first += 4) walkPart(attention, part, first, attention->headDim, 4, kind);
  for (; first < queries; first++) walkPart(attention, part, first, attention->headDim, 1, kind);
}

/** For heads of another width than most models have. */
AVX512 static void walkAnyParts(const Attention *attention, const Part *part) {
  switch (kindOf(&part->span.stretch->keys)) {
    case NUMBERS: return walkFewParts(attention, part, NUMBERS);
    case HALVES: return walkFewParts(attention, part, HALVES);
    case STEPS: return walkFewParts(attention, part, STEPS);
  }
}

/** [sequences, kvHeads, queries, parts, headDim + 16]. */
static float *partAt(const Attention *attention, int64_t head, int64_t place) {
  return attention->parts + (head * queriesOf(attention) * partsOf(attention) + place) * partWidth(attention);
}

/** The positions of the part at a place; false when its sequence does not reach it. */
static bool findPart(const Attention *attention, int64_t place, Span *span) {
  const Stretch *stretch = attention->stretches;
  for (; place >= partsOfStretch(stretch); stretch++) place -= partsOfStretch(stretch);
  span->stretch = stretch;
  span->from = place * PART;
  span->to = least(span->from + PART, seenOf(attention, span, attention->tokens - 1));
  return span->from < span->to;
}

/** New rows that stand in a part: whoever walks along it writes them, for their pages may be new as well. */
static void placeNewRows(const Attention *attention, const Span *span) {
  if (span->stretch != attention->stretches + attention->countStretches - 1) return;
  const int64_t first = firstNew(attention, span->sequence);
  for (int64_t token = 0; token < attention->tokens; token++) {
    const int64_t position = first + token;
    if (position >= span->from && position < span->to) placeHead(attention, span->sequence, span->kvHead, token);
  }
}

AVX512 void walkPiece(const Attention *attention, int64_t piece) {
  const int64_t parts = partsOf(attention), head = piece / parts, place = piece % parts;
  Part part = {.span = {.sequence = head / attention->kvHeads, .kvHead = head % attention->kvHeads}};
  if (!findPart(attention, place, &part.span)) return;
  part.out = partAt(attention, head, place);
  part.step = parts * partWidth(attention);
  placeNewRows(attention, &part.span);
  if (attention->headDim != 128) walkAnyParts(attention, &part);
  else walk128(attention, &part);
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
  Span span = {.sequence = sequence};
  int64_t parts = partsOf(attention);
  while (parts > 0 && !findPart(attention, parts - 1, &span)) parts--;
  return parts;
}

AVX512 void joinParts(const Attention *attention, int64_t head) {
  const int64_t sequence = head / attention->kvHeads, kvHead = head % attention->kvHeads;
  const int64_t reached = partsReached(attention, sequence), step = partsOf(attention) * partWidth(attention);
  for (int64_t query = 0; query < queriesOf(attention); query++) {
    joinQuery(attention, partAt(attention, head, 0) + query * step, reached, attendedAt(attention, sequence, kvHead, query));
  }
}
