import type { PieceIds } from '../model/check-model.ts';
import type { Piece, TokenizerModel } from '../model/model.ts';
import { createLiteralFinder, type Literal, type LiteralFinder } from './literals.ts';
import { createMerger, type Merger } from './merge.ts';
import { normalize } from './normalize.ts';
import { createSymbols } from './symbols.ts';
import { sliceTrusted, TRUST, type TrustedText } from './trusted-text.ts';
import { cacheWords } from './word-cache.ts';

/** Turns text into ids. Knows nothing of chat, nor of the id that begins a text. */
export type Encoder = (text: TrustedText) => readonly number[];

export interface EncoderOptions {
  /** Whether a user-defined piece is a marker, which untrusted text may not write. */
  readonly isMarker: (piece: string) => boolean;
  /** Remember short words. Changes speed, never ids. */
  readonly cache: boolean;
}

/**
 * The encoder of a model: control strings are cut out first, each run between them is normalized,
 * user-defined pieces are cut out of it, and what is left is merged.
 */
export function createEncoder(
  model: TokenizerModel,
  ids: PieceIds,
  options: EncoderOptions,
): Encoder {
  const controls = createLiteralFinder(literalsOf(model, trustOfControl));
  const trustOfUser = trustOfUserDefined(options.isMarker);
  const userDefined = createLiteralFinder(literalsOf(model, trustOfUser));
  const merge = createModelMerger(model, ids, options.cache);
  const encodeRun: Encoder = (run) =>
    cutOut(normalize(run, model.normalizer), userDefined, ({ text }) => merge(text));
  return (text) => cutOut(text, controls, encodeRun);
}

/** Ids of the literals in a text and, through `encodeRest`, of what stands between them. */
function cutOut(text: TrustedText, finder: LiteralFinder, encodeRest: Encoder): number[] {
  const ids: number[] = [];
  const append = (more: readonly number[]) => {
    for (const id of more) ids.push(id);
  };
  let start = 0;
  for (let hit = finder.find(text, 0); hit; hit = finder.find(text, start)) {
    append(encodeRest(sliceTrusted(text, start, hit.start)));
    ids.push(hit.literal.id);
    start = hit.start + hit.literal.text.length;
  }
  append(encodeRest(sliceTrusted(text, start, text.text.length)));
  return ids;
}

/** How much trust it takes to write a piece as it stands; undefined for one that merges make. */
type TrustOf = (piece: Piece) => number | undefined;

const trustOfControl: TrustOf = ({ type }) =>
  type === 'control' || type === 'unknown' ? TRUST.all : undefined;

function trustOfUserDefined(isMarker: (piece: string) => boolean): TrustOf {
  return ({ text, type }) => {
    if (type !== 'user-defined') return undefined;
    return isMarker(text) ? TRUST['user-defined'] : TRUST.none;
  };
}

function literalsOf({ pieces }: TokenizerModel, trustOf: TrustOf): Literal[] {
  const literals: Literal[] = [];
  pieces.forEach((piece, id) => {
    const trust = trustOf(piece);
    if (trust !== undefined) literals.push({ text: piece.text, id, trust });
  });
  return literals;
}

function createModelMerger(model: TokenizerModel, ids: PieceIds, cache: boolean): Merger {
  const merge = createMerger(createSymbols(model, ids));
  return cache ? cacheWords(merge, model.pieces) : merge;
}
