/**
 * Attention of new rows to keys and values that a cache holds, themselves included. The heads of queries that
 * share a head of keys are taken together, so that keys and values are read once.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Keys or values, [heads, positions, headDim]: numbers in float32 or in float16, or bytes that stand for them. */
typedef struct {
  /** All but one are NULL. */
  const float *numbers;
  const uint16_t *halves;
  const uint8_t *steps;
  /** The byte that stands for 0: 128 where bytes have no sign, 0 where they have one. */
  uint8_t zero;
  /** What a step of each row is worth: [heads, positions]. */
  const float *sizes;
} Rows;

/** Where keys or values are kept as bytes; their zero is that of `Rows`. */
typedef struct {
  uint8_t *steps;
  uint8_t zero;
  float *sizes;
} KeptRows;

/** Positions one after the other: a cache, a log, or the new rows. */
typedef struct {
  Rows keys, values;
  /** Positions between the beginnings of two heads, and how many there are to see of each. */
  int64_t apart, positions;
  /** Positions of the stretches before. */
  int64_t first;
} Stretch;

enum { MOST_STRETCHES = 3 };

typedef struct {
  int64_t sequences, tokens;
  /** headDim is a multiple of 16. */
  int64_t heads, kvHeads, headDim;
  /** What scores are multiplied by. */
  float scale;
  /** [sequences, tokens, (heads + 2 * kvHeads) * headDim]: queries, keys and values. */
  const float *rows;
  /** [..., headDim / 2], of which each token takes the row that [sequences, tokens] says. */
  const float *cosines, *sines;
  const int64_t *angles;
  /** What queries see. Several sequences have one stretch. */
  Stretch stretches[MOST_STRETCHES];
  int countStretches;
  /** [sequences]: the place of each sequence's last new token; a token sees itself and all before it. */
  const int32_t *lastPositions;
  /** Or [tokens, maskWidth]: a token sees positions with 0, not those with less. */
  const float *mask;
  int64_t maskWidth;
  /**
   * New keys and values, [sequences, kvHeads, newApart, headDim]: behind a sequence's others, or from 0 on. NULL:
   * nobody else needs them, and they are the last stretch, unless they are seen as they are kept.
   */
  float *newKeys, *newValues;
  /** Or the same in float16. */
  uint16_t *newHalfKeys, *newHalfValues;
  int64_t newApart;
  bool areBehind;
  /** Where they are kept as bytes too, behind those of the first stretch; steps are NULL if nowhere. */
  KeptRows keptKeys, keptValues;
  /** [sequences, tokens, heads * headDim]. */
  float *attended;
  /** [sequences, kvHeads, tokens, heads / kvHeads, headDim]: turned and scaled. */
  float *queries;
  /** Of each part of the positions of a row: its sum, largest score, and the sum of its weights. */
  float *parts;
} Attention;

/** Whether its heads are of a kind that these functions know. */
bool canAttend(const Attention *attention);

/** Whether new rows are seen as they are kept in bytes: few are, like all before them. */
bool seesKept(const Attention *attention);

/** Memory for queries, parts, and new rows that nobody else needs. */
size_t attentionBytes(const Attention *attention);
void placeAttention(Attention *attention, void *memory);

/** Turns the queries of one of [sequences, tokens]. With many queries, its new keys and values are written too. */
void placeRow(const Attention *attention, int64_t row);

/** Pieces of work after that, which can be done at the same time; then what they found is joined. */
int64_t countAttentionPieces(const Attention *attention);
void attendPiece(const Attention *attention, int64_t piece);
int64_t countJoins(const Attention *attention);
void joinParts(const Attention *attention, int64_t join);
