/**
 * Attention of new rows to what a cache holds, themselves included. Keys and values of the new rows are
 * written behind it first. The heads of queries that share a head of keys are taken together, so that keys
 * and values are read once.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  int64_t sequences, tokens;
  /** headDim is a multiple of 16. */
  int64_t heads, kvHeads, headDim;
  /** What scores are multiplied by. */
  float scale;
  /** [sequences, tokens, (heads + 2 * kvHeads) * headDim]: queries, keys and values. */
  const float *rows;
  /** [sequences]: the place of each sequence's last new token. */
  const int32_t *lastPositions;
  /** [..., headDim / 2], of which each token takes the row that [sequences, tokens] says. */
  const float *cosines, *sines;
  const int64_t *angles;
  /** [sequences, kvHeads, capacity, headDim]. */
  float *keys, *values;
  int64_t capacity;
  /** [sequences, tokens, heads * headDim]. */
  float *attended;
  /** [sequences, kvHeads, tokens, heads / kvHeads, headDim]: turned and scaled. */
  float *queries;
  /** Of each part of the positions of a row: its sum, largest score, and the sum of its weights. */
  float *parts;
} Attention;

/** Whether its heads are of a kind that these functions know. */
bool canAttend(const Attention *attention);

/** Memory for queries and parts. `longest` is the length of the longest sequence. */
size_t attentionBytes(const Attention *attention, int64_t longest);
void placeAttention(Attention *attention, void *memory);

/** Turns the queries and keys of one of [sequences, tokens], and writes its keys and values into the cache. */
void placeRow(const Attention *attention, int64_t row);

/** Pieces of work after that, which can be done at the same time; then what they found is joined. */
int64_t countAttentionPieces(const Attention *attention, int64_t longest);
void attendPiece(const Attention *attention, int64_t longest, int64_t piece);
int64_t countJoins(const Attention *attention);
void joinParts(const Attention *attention, int64_t longest, int64_t join);
