#include "attention.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "vectors.h"

enum {
  /** Queries of a head of keys that walk along the cache, so many at a time; more are worth tiles. */
  FEW_QUERIES = 32,
  WALKERS = 8,
  LINES = 8,
  /** Positions of a part: its scores fit into the cache next to the processor. */
  PART = 1024,
  /** Queries and positions of a tile, and queries that registers hold the sums of. */
  TILE_QUERIES = 48,
  TILE_POSITIONS = 64,
  AT_ONCE = 6,
  MOST_HEAD_DIM = 256,
  /** How far ahead of its use the cache is asked for, in bytes. */
  AHEAD = 4096,
};

bool canAttend(const Attention *attention) {
  const int64_t headDim = attention->headDim, heads = attention->heads, kvHeads = attention->kvHeads;
  return headDim > 0 && headDim % 16 == 0 && headDim <= MOST_HEAD_DIM && kvHeads > 0 && heads > 0 && heads % kvHeads == 0;
}

static int64_t groupOf(const Attention *attention) { return attention->heads / attention->kvHeads; }
/** Queries of a head of keys. */
static int64_t queriesOf(const Attention *attention) { return attention->tokens * groupOf(attention); }
static bool areFew(const Attention *attention) { return queriesOf(attention) <= FEW_QUERIES; }
static int64_t partsOf(const Attention *attention, int64_t longest) {
  return areFew(attention) ? ceilDivide(longest, PART) : 0;
}
/** A sum, the largest score and the sum of weights, with room for 16 numbers. */
static int64_t partWidth(const Attention *attention) { return attention->headDim + 16; }

static int64_t queryBytes(const Attention *attention) {
  return aligned(attention->sequences * attention->tokens * attention->heads * attention->headDim * 4);
}

size_t attentionBytes(const Attention *attention, int64_t longest) {
  const int64_t rows = attention->sequences * attention->tokens * attention->heads;
  return 64 + queryBytes(attention) + rows * partsOf(attention, longest) * partWidth(attention) * 4;
}

void placeAttention(Attention *attention, void *memory) {
  uint8_t *at = (uint8_t *)aligned((int64_t)memory);
  attention->queries = (float *)at;
  attention->parts = (float *)(at + queryBytes(attention));
}

/* New rows. */

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

AVX512 void placeRow(const Attention *attention, int64_t row) {
  const int64_t headDim = attention->headDim, group = groupOf(attention);
  const int64_t sequence = row / attention->tokens, token = row % attention->tokens;
  const float *queries = attention->rows + row * (attention->heads + 2 * attention->kvHeads) * headDim;
  const float *keys = queries + attention->heads * headDim, *values = keys + attention->kvHeads * headDim;
  const int64_t angle = attention->angles[row] * (headDim / 2);
  const float *cosines = attention->cosines + angle, *sines = attention->sines + angle;
  const int64_t position = attention->lastPositions[sequence] + 1 - attention->tokens + token;
  for (int64_t head = 0; head < attention->kvHeads; head++) {
    const int64_t place = ((sequence * attention->kvHeads + head) * attention->capacity + position) * headDim;
    turn(keys + head * headDim, cosines, sines, headDim, 1, attention->keys + place);
    memcpy(attention->values + place, values + head * headDim, headDim * 4);
    float *to = attention->queries + ((sequence * attention->kvHeads + head) * attention->tokens + token) * group * headDim;
    for (int64_t each = 0; each < group; each++) {
      turn(queries + (head * group + each) * headDim, cosines, sines, headDim, attention->scale, to + each * headDim);
    }
  }
}

INLINE float exponentialOf(float x) { return _mm512_cvtss_f32(exponential(_mm512_set1_ps(x))); }

/* Few queries: they walk along the cache. */

/** Where the last position stands that a query sees, counted in queries of a head of keys. */
static int64_t lastSeen(const Attention *attention, int64_t sequence, int64_t query) {
  return attention->lastPositions[sequence] + 1 - attention->tokens + query / groupOf(attention);
}

INLINE void walkKeys(const float *keys, const float *queries, int64_t positions, const int64_t headDim, const int count,
                     float (*scores)[PART]) {
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
      scores[query][position] = _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
    }
  }
}

/** What scores count from: of those that all are -infinity, or no numbers, the least there is. */
static float finite(float largest) { return largest > -FLT_MAX ? largest : -FLT_MAX; }

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

/** `lines` times 16 numbers of the values: their sums stay in registers. */
INLINE void walkLines(const float *values, int64_t positions, int64_t headDim, const int lines, const int count,
                      float (*weights)[PART], float *out, int64_t step) {
  __m512 sums[WALKERS][LINES];
  UNROLLED
  for (int query = 0; query < count; query++) {
    UNROLLED
    for (int line = 0; line < lines; line++) sums[query][line] = _mm512_setzero_ps();
  }
  for (int64_t position = 0; position < positions; position++) {
    const float *value = values + position * headDim;
    UNROLLED
    for (int line = 0; line < lines; line++) {
      _mm_prefetch((const char *)(value + 16 * line) + AHEAD, _MM_HINT_T0);
      const __m512 numbers = _mm512_loadu_ps(value + 16 * line);
      UNROLLED
      for (int query = 0; query < count; query++) {
        sums[query][line] = _mm512_fmadd_ps(_mm512_set1_ps(weights[query][position]), numbers, sums[query][line]);
      }
    }
  }
  UNROLLED
  for (int query = 0; query < count; query++) {
    UNROLLED
    for (int line = 0; line < lines; line++) _mm512_storeu_ps(out + query * step + 16 * line, sums[query][line]);
  }
}

INLINE void walkValues(const float *values, int64_t positions, const int64_t headDim, const int count, float (*weights)[PART],
                       float *out, int64_t step) {
  int64_t at = 0;
  // Registers hold the sums of as many lines of few queries that values are read in one go.
  if (count <= 3) {
    for (; at + 16 * LINES <= headDim; at += 16 * LINES) walkLines(values + at, positions, headDim, LINES, count, weights, out + at, step);
  }
  for (; at + 64 <= headDim; at += 64) walkLines(values + at, positions, headDim, 4, count, weights, out + at, step);
  for (; at < headDim; at += 16) walkLines(values + at, positions, headDim, 1, count, weights, out + at, step);
}

/** A part of the positions of a head of keys. */
typedef struct {
  int64_t sequence, kvHead, from, to;
  /** [queries, headDim + 16], so many numbers apart. */
  float *out;
  int64_t step;
} Part;

/** `count` queries from `first` on. */
INLINE void walkPart(const Attention *attention, const Part *part, int64_t first, const int64_t headDim, const int count) {
  float scores[WALKERS][PART];
  const int64_t head = part->sequence * attention->kvHeads + part->kvHead;
  const int64_t place = (head * attention->capacity + part->from) * headDim;
  const int64_t positions = part->to - part->from;
  const float *queries = attention->queries + (head * queriesOf(attention) + first) * headDim;
  float *out = part->out + first * part->step;
  walkKeys(attention->keys + place, queries, positions, headDim, count, scores);
  UNROLLED
  for (int query = 0; query < count; query++) {
    const int64_t seen = lastSeen(attention, part->sequence, first + query) + 1 - part->from;
    for (int64_t at = positions; at > seen && at > 0; at--) scores[query][at - 1] = -INFINITY;
    float *own = out + query * part->step + headDim;
    own[1] = weigh(scores[query], positions, own);
  }
  walkValues(attention->values + place, positions, headDim, count, scores, out, part->step);
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
static float *partAt(const Attention *attention, int64_t longest, int64_t sequence, int64_t kvHead, int64_t part) {
  const int64_t head = sequence * attention->kvHeads + kvHead;
  return attention->parts + (head * queriesOf(attention) * partsOf(attention, longest) + part) * partWidth(attention);
}

AVX512 static void walkPiece(const Attention *attention, int64_t longest, int64_t piece) {
  const int64_t parts = partsOf(attention, longest), place = piece % parts;
  Part part = {.kvHead = piece / parts % attention->kvHeads, .sequence = piece / parts / attention->kvHeads};
  part.from = place * PART;
  part.to = least(part.from + PART, attention->lastPositions[part.sequence] + 1);
  if (part.from >= part.to) return;
  part.out = partAt(attention, longest, part.sequence, part.kvHead, place);
  part.step = parts * partWidth(attention);
  if (attention->headDim == 128) walkParts(attention, &part, 128);
  else walkParts(attention, &part, attention->headDim);
}

/* Many queries: tiles of scores, and of their sums over values. */

/** A row of queries stands by its own in what is attended: [sequences, tokens, heads, headDim]. */
static float *attendedAt(const Attention *attention, int64_t sequence, int64_t kvHead, int64_t query) {
  const int64_t group = groupOf(attention);
  const int64_t token = sequence * attention->tokens + query / group;
  return attention->attended + (token * attention->heads + kvHead * group + query % group) * attention->headDim;
}

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
} Tile;

/** Scores of a query become weights that count from the largest score so far; what was mixed before is scaled to that. */
INLINE void weighRow(Tile *tile, int64_t query, int64_t seen, const int64_t headDim) {
  float *scores = tile->scores + query * TILE_POSITIONS;
  __m512 row[4], most = _mm512_set1_ps(tile->largest[query]);
  UNROLLED
  for (int side = 0; side < 4; side++) {
    row[side] = _mm512_mask_loadu_ps(_mm512_set1_ps(-INFINITY), numbersLeft(seen - 16 * side), scores + 16 * side);
    most = _mm512_max_ps(most, row[side]);
  }
  const float largest = finite(_mm512_reduce_max_ps(most));
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

INLINE void attendTile(const Attention *attention, int64_t sequence, int64_t kvHead, int64_t first, Tile *tile, const int64_t headDim) {
  const int64_t count = least(TILE_QUERIES, queriesOf(attention) - first);
  const int64_t head = sequence * attention->kvHeads + kvHead;
  const float *queries = attention->queries + (head * queriesOf(attention) + first) * headDim;
  const int64_t end = lastSeen(attention, sequence, first + count - 1) + 1;
  for (int64_t query = 0; query < count; query++) {
    tile->largest[query] = -FLT_MAX;
    tile->sum[query] = 0;
  }
  memset(tile->mixed, 0, count * headDim * 4);
  for (int64_t from = 0; from < end; from += TILE_POSITIONS) {
    const int64_t positions = least(TILE_POSITIONS, end - from);
    const int64_t place = (head * attention->capacity + from) * headDim;
    turnKeys(attention->keys + place, positions, headDim, tile->turned);
    int64_t query = 0;
    for (; query + AT_ONCE <= count; query += AT_ONCE)
      scoreTile(queries + query * headDim, tile->turned, headDim, tile->scores + query * TILE_POSITIONS, AT_ONCE);
    for (; query < count; query++) scoreTile(queries + query * headDim, tile->turned, headDim, tile->scores + query * TILE_POSITIONS, 1);
    for (query = 0; query < count; query++) weighRow(tile, query, lastSeen(attention, sequence, first + query) + 1 - from, headDim);
    for (query = 0; query + AT_ONCE <= count; query += AT_ONCE)
      mixTile(tile->scores + query * TILE_POSITIONS, attention->values + place, positions, headDim, tile->mixed + query * headDim, AT_ONCE);
    for (; query < count; query++)
      mixTile(tile->scores + query * TILE_POSITIONS, attention->values + place, positions, headDim, tile->mixed + query * headDim, 1);
  }
  for (int64_t query = 0; query < count; query++) {
    float *to = attendedAt(attention, sequence, kvHead, first + query);
    const __m512 share = _mm512_set1_ps(1 / tile->sum[query]);
    for (int64_t at = 0; at < headDim; at += 16) {
      _mm512_storeu_ps(to + at, _mm512_mul_ps(share, _mm512_loadu_ps(tile->mixed + query * headDim + at)));
    }
  }
}

static int64_t tilesOf(const Attention *attention) { return ceilDivide(queriesOf(attention), TILE_QUERIES); }

AVX512 static void tilePiece(const Attention *attention, int64_t piece) {
  Tile tile;
  const int64_t tiles = tilesOf(attention);
  const int64_t head = piece % (attention->sequences * attention->kvHeads);
  // The longest first: the last pieces are then short ones.
  const int64_t first = (tiles - 1 - piece / (attention->sequences * attention->kvHeads)) * TILE_QUERIES;
  const int64_t sequence = head / attention->kvHeads, kvHead = head % attention->kvHeads;
  if (attention->headDim == 128) attendTile(attention, sequence, kvHead, first, &tile, 128);
  else attendTile(attention, sequence, kvHead, first, &tile, attention->headDim);
}

/* Which of both. */

int64_t countAttentionPieces(const Attention *attention, int64_t longest) {
  const int64_t heads = attention->sequences * attention->kvHeads;
  return heads * (areFew(attention) ? partsOf(attention, longest) : tilesOf(attention));
}

void attendPiece(const Attention *attention, int64_t longest, int64_t piece) {
  if (areFew(attention)) walkPiece(attention, longest, piece);
  else tilePiece(attention, piece);
}

int64_t countJoins(const Attention *attention) {
  return areFew(attention) ? attention->sequences * attention->kvHeads : 0;
}

/** The parts of a head's queries, each as heavy as its weights are beside the others'. */
AVX512 void joinParts(const Attention *attention, int64_t longest, int64_t join) {
  const int64_t sequence = join / attention->kvHeads, kvHead = join % attention->kvHeads;
  const int64_t headDim = attention->headDim, width = partWidth(attention);
  const int64_t some = ceilDivide(attention->lastPositions[sequence] + 1, PART);
  for (int64_t query = 0; query < queriesOf(attention); query++) {
    const float *parts = partAt(attention, longest, sequence, kvHead, 0) + query * partsOf(attention, longest) * width;
    float *to = attendedAt(attention, sequence, kvHead, query);
    float largest = -FLT_MAX, sum = 0;
    for (int64_t part = 0; part < some; part++) {
      if (parts[part * width + headDim] > largest) largest = parts[part * width + headDim];
    }
    for (int64_t part = 0; part < some; part++) {
      sum += parts[part * width + headDim + 1] * exponentialOf(parts[part * width + headDim] - largest);
    }
    for (int64_t at = 0; at < headDim; at += 16) _mm512_storeu_ps(to + at, _mm512_setzero_ps());
    for (int64_t part = 0; part < some; part++) {
      const __m512 share = _mm512_set1_ps(exponentialOf(parts[part * width + headDim] - largest) / sum);
      for (int64_t at = 0; at < headDim; at += 16) {
        _mm512_storeu_ps(to + at, _mm512_fmadd_ps(share, _mm512_loadu_ps(parts + part * width + at), _mm512_loadu_ps(to + at)));
      }
    }
  }
}
