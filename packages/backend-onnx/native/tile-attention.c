/** Many queries of a head of keys: tiles of their scores, and of their sums over values. */
#include <string.h>

#include "attention-steps.h"

enum {
  /** Queries and positions of a tile, and queries that registers hold the sums of. */
  TILE_QUERIES = 48,
  TILE_POSITIONS = 64,
  AT_ONCE = 6,
};

/** Keys [positions, headDim] to [headDim, 64]; what is missing is 0. */
INLINE void turnKeys(const float *keys, int64_t positions, const int64_t headDim, float *to) {
  for (int64_t first = 0; first < TILE_POSITIONS; first += 16) {
    for (int64_t at = 0; at < headDim; at += 16) {
      __m512i rows[16];
      for (int64_t each = 0; each < 16; each++) {
        const bool isThere = first + each < positions;
        rows[each] = isThere ? _mm512_loadu_si512(keys + (first + each) * headDim + at) : _mm512_setzero_si512();
      }
      transpose16(rows);
      for (int64_t each = 0; each < 16; each++) _mm512_store_si512(to + (at + each) * TILE_POSITIONS + first, rows[each]);
    }
  }
}

INLINE void scoreTile(const float *queries, const float *turned, const int64_t headDim, float *scores, const int count) {
  __m512 sums[AT_ONCE][4];
  UNROLLED
  for (int query = 0; query < count; query++)
    UNROLLED
    for (int side = 0; side < 4; side++) sums[query][side] = _mm512_setzero_ps();
  for (int64_t at = 0; at < headDim; at++) {
    __m512 keys[4];
    UNROLLED
    for (int side = 0; side < 4; side++) keys[side] = _mm512_loadu_ps(turned + at * TILE_POSITIONS + 16 * side);
    UNROLLED
    for (int query = 0; query < count; query++) {
      const __m512 number = _mm512_set1_ps(queries[query * headDim + at]);
      UNROLLED
      for (int side = 0; side < 4; side++) sums[query][side] = _mm512_fmadd_ps(number, keys[side], sums[query][side]);
    }
  }
  UNROLLED
  for (int query = 0; query < count; query++)
    UNROLLED
    for (int side = 0; side < 4; side++) _mm512_storeu_ps(scores + query * TILE_POSITIONS + 16 * side, sums[query][side]);
}

INLINE void mixLines(const float *weights, const float *values, int64_t positions, int64_t headDim, const int lines,
                     float *mixed, const int count) {
  __m512 sums[AT_ONCE][4];
  UNROLLED
  for (int query = 0; query < count; query++) {
    UNROLLED
    for (int line = 0; line < lines; line++) sums[query][line] = _mm512_loadu_ps(mixed + query * headDim + 16 * line);
  }
  for (int64_t position = 0; position < positions; position++) {
    __m512 numbers[4];
    UNROLLED
    for (int line = 0; line < lines; line++) numbers[line] = _mm512_loadu_ps(values + position * headDim + 16 * line);
    UNROLLED
    for (int query = 0; query < count; query++) {
      const __m512 weight = _mm512_set1_ps(weights[query * TILE_POSITIONS + position]);
      UNROLLED
      for (int line = 0; line < lines; line++) sums[query][line] = _mm512_fmadd_ps(weight, numbers[line], sums[query][line]);
    }
  }
  UNROLLED
  for (int query = 0; query < count; query++) {
    UNROLLED
    for (int line = 0; line < lines; line++) _mm512_storeu_ps(mixed + query * headDim + 16 * line, sums[query][line]);
  }
}

INLINE void mixTile(const float *weights, const float *values, int64_t positions, const int64_t headDim, float *mixed, const int count) {
  int64_t at = 0;
  for (; at + 64 <= headDim; at += 64) mixLines(weights, values + at, positions, headDim, 4, mixed + at, count);
  for (; at < headDim; at += 16) mixLines(weights, values + at, positions, headDim, 1, mixed + at, count);
}

/** What a tile of queries knows so far (Milakov and Gimelshein, 2018: online softmax). */
typedef struct {
  _Alignas(64) float turned[MOST_HEAD_DIM * TILE_POSITIONS];
  float scores[TILE_QUERIES * TILE_POSITIONS];
  float mixed[TILE_QUERIES * MOST_HEAD_DIM];
  float largest[TILE_QUERIES], sum[TILE_QUERIES];
  _Alignas(64) float room[TILE_POSITIONS * MOST_HEAD_DIM];
} Tile;

/** Scores of a query become weights that count from the largest score so far; what was mixed before is scaled to that. */
INLINE void weighRow(Tile *tile, int64_t query, int64_t positions, const int64_t headDim) {
  float *scores = tile->scores + query * TILE_POSITIONS;
  __m512 row[4], most = _mm512_set1_ps(tile->largest[query]);
  UNROLLED
  for (int side = 0; side < 4; side++) {
    row[side] = _mm512_mask_loadu_ps(_mm512_set1_ps(-INFINITY), numbersLeft(positions - 16 * side), scores + 16 * side);
    most = _mm512_max_ps(most, row[side]);
  }
  const float largest = atLeastFinite(_mm512_reduce_max_ps(most));
  const float shrink = tile->largest[query] == largest ? 1 : exponentialOf(tile->largest[query] - largest);
  __m512 sum = _mm512_setzero_ps();
  UNROLLED
  for (int side = 0; side < 4; side++) {
    const __m512 weight = exponential(_mm512_sub_ps(row[side], _mm512_set1_ps(largest)));
    _mm512_storeu_ps(scores + 16 * side, weight);
    sum = _mm512_add_ps(sum, weight);
  }
  tile->sum[query] = tile->sum[query] * shrink + _mm512_reduce_add_ps(sum);
  tile->largest[query] = largest;
  if (shrink == 1) return;
  float *mixed = tile->mixed + query * headDim;
  for (int64_t at = 0; at < headDim; at += 16) _mm512_storeu_ps(mixed + at, _mm512_mul_ps(_mm512_loadu_ps(mixed + at), _mm512_set1_ps(shrink)));
}

/** `count` queries of a head of keys, from `first` on, and some of its positions. */
typedef struct {
  int64_t first, count;
  Span span;
} Place;

/** Scores of all queries, AT_ONCE of them together. */
INLINE void scoreAll(const float *queries, Tile *tile, const Place *place, const int64_t headDim) {
  int64_t query = 0;
  for (; query + AT_ONCE <= place->count; query += AT_ONCE) {
    scoreTile(queries + query * headDim, tile->turned, headDim, tile->scores + query * TILE_POSITIONS, AT_ONCE);
  }
  for (; query < place->count; query++) scoreTile(queries + query * headDim, tile->turned, headDim, tile->scores + query * TILE_POSITIONS, 1);
}

/** Adds to each query's sums the values of some positions. */
INLINE void mixAll(const float *values, Tile *tile, const Place *place, const int64_t headDim) {
  const int64_t positions = positionsOf(&place->span);
  int64_t query = 0;
  if (!areFinite(values, positions * headDim)) {
    for (; query < place->count; query++) {
      addSeen(values, positions, headDim, tile->scores + query * TILE_POSITIONS, tile->mixed + query * headDim);
    }
  }
  for (; query + AT_ONCE <= place->count; query += AT_ONCE) {
    mixTile(tile->scores + query * TILE_POSITIONS, values, positions, headDim, tile->mixed + query * headDim, AT_ONCE);
  }
  for (; query < place->count; query++) {
    mixTile(tile->scores + query * TILE_POSITIONS, values, positions, headDim, tile->mixed + query * headDim, 1);
  }
}

INLINE void attendPositions(const Attention *attention, const float *queries, const Place *place, Tile *tile, const int64_t headDim) {
  const Span *span = &place->span;
  const int64_t row = rowOf(attention, span), positions = positionsOf(span);
  turnKeys(numbersOf(&span->stretch->keys, row, positions, headDim, tile->room), positions, headDim, tile->turned);
  scoreAll(queries, tile, place, headDim);
  for (int64_t query = 0; query < place->count; query++) {
    hide(attention, span, (place->first + query) / groupOf(attention), tile->scores + query * TILE_POSITIONS);
    weighRow(tile, query, positions, headDim);
  }
  mixAll(numbersOf(&span->stretch->values, row, positions, headDim, tile->room), tile, place, headDim);
}

INLINE void attendTile(const Attention *attention, Place place, Tile *tile, const int64_t headDim) {
  Span *span = &place.span;
  const float *queries = queriesAt(attention, span, place.first);
  const int64_t lastToken = (place.first + place.count - 1) / groupOf(attention);
  for (int64_t query = 0; query < place.count; query++) {
    tile->largest[query] = -FLT_MAX;
    tile->sum[query] = 0;
  }
  memset(tile->mixed, 0, place.count * headDim * 4);
  for (int each = 0; each < attention->countStretches; each++) {
    span->stretch = attention->stretches + each;
    const int64_t end = seenOf(attention, span, lastToken);
    for (span->from = 0; span->from < end; span->from += TILE_POSITIONS) {
      span->to = least(span->from + TILE_POSITIONS, end);
      attendPositions(attention, queries, &place, tile, headDim);
    }
  }
  for (int64_t query = 0; query < place.count; query++) {
    float *to = attendedAt(attention, span->sequence, span->kvHead, place.first + query);
    const __m512 share = _mm512_set1_ps(1 / tile->sum[query]);
    for (int64_t at = 0; at < headDim; at += 16) {
      _mm512_storeu_ps(to + at, _mm512_mul_ps(share, _mm512_loadu_ps(tile->mixed + query * headDim + at)));
    }
  }
}

static int64_t tilesOfHead(const Attention *attention) { return ceilDivide(queriesOf(attention), TILE_QUERIES); }

int64_t countTiles(const Attention *attention) {
  return attention->sequences * attention->kvHeads * tilesOfHead(attention);
}

AVX512 void tilePiece(const Attention *attention, int64_t piece) {
  Tile tile;
  const int64_t heads = attention->sequences * attention->kvHeads, head = piece % heads;
  Place place = {.span = {.sequence = head / attention->kvHeads, .kvHead = head % attention->kvHeads}};
  // The longest first: the last pieces are then short ones.
  place.first = (tilesOfHead(attention) - 1 - piece / heads) * TILE_QUERIES;
  place.count = least(TILE_QUERIES, queriesOf(attention) - place.first);
  if (attention->headDim == 128) attendTile(attention, place, &tile, 128);
  else attendTile(attention, place, &tile, attention->headDim);
}
