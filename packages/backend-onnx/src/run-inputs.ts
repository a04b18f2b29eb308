/** Inputs that every run binds beside the graph's own: what attention must know of the sequences. */
import type { CacheLayer } from '@lingbi/core';

/** All that depends on how many rows each segment has and each group. */
export const layout = 'run.layout';

/** int64 [kept rows]: where the rows stand that `lastToken` keeps. */
export const keptRows = 'run.keptRows';
/** int64 [groups]: how many rows each group has. */
export const groupRows = 'run.groupRows';
/** int64 [1, tokens]: 0, 1, 2 …: which row of the given angles belongs to each row. */
export const rowNumbers = 'run.rowNumbers';

/** int64 [3]: sequences, tokens of each, and −1 for the features. */
export const groupShape = (group: number): string => `group${group}.shape`;
/** int32 [sequences]: the position of each sequence's last new token. */
export const groupLastPositions = (group: number): string => `group${group}.lastPositions`;
/** int32 []: the length of the longest sequence, new tokens included. */
export const groupLongest = (group: number): string => `group${group}.longest`;
/** int64 [sequences, tokens]: which row of the rotary tables belongs to each token. */
export const groupRowNumbers = (group: number): string => `group${group}.rowNumbers`;

/** float32 [tokens, 1, positions]: what the rows of branches see of shared tokens, log and each other. */
export const groupMask = (group: number): string => `group${group}.mask`;
/** int64 [3]: how many positions are shared tokens, places of the log, and new. */
export const groupParts = (group: number): string => `group${group}.parts`;
/** float32 [kvHeads, tokens, headDim]: what the sequences of a group continue. */
export const shared = ({ layer }: CacheLayer, part: KvPart, group: number): string =>
  `shared.${layer}.${part}.${group}`;
/** uint8 or int8 [kvHeads, positions, headDim]: what a slot holds in int8, of its `at`-th few heads. */
export const steps = ({ layer }: CacheLayer, part: KvPart, group: number, at: number): string =>
  `steps.${layer}.${part}.${group}.${at}`;
/** float32 [kvHeads, positions, 1]: what a step of each of its rows is worth. */
export const stepSizes = ({ layer }: CacheLayer, part: KvPart, group: number, at: number): string =>
  `stepSizes.${layer}.${part}.${group}.${at}`;
/** As `steps`, with new rows behind. */
export const presentSteps = ({ layer }: CacheLayer, part: KvPart, group: number): string =>
  `presentSteps.${layer}.${part}.${group}`;
/** As `stepSizes`, with those of new rows behind. */
export const presentSizes = ({ layer }: CacheLayer, part: KvPart, group: number): string =>
  `presentSizes.${layer}.${part}.${group}`;
/** As `steps` [kvHeads, tokens, headDim]: new rows of a chunk. */
export const freshSteps = ({ layer }: CacheLayer, part: KvPart, group: number): string =>
  `freshSteps.${layer}.${part}.${group}`;
/** As `stepSizes` [kvHeads, tokens, 1]. */
export const freshSizes = ({ layer }: CacheLayer, part: KvPart, group: number): string =>
  `freshSizes.${layer}.${part}.${group}`;

/** float32 [kvHeads, places, headDim]: what they have appended. */
export const log = ({ layer }: CacheLayer, part: KvPart, group: number): string =>
  `log.${layer}.${part}.${group}`;
/** float32 [kvHeads, tokens, headDim]: what they append now. */
export const fresh = ({ layer }: CacheLayer, part: KvPart, group: number): string =>
  `fresh.${layer}.${part}.${group}`;

export type KvPart = 'keys' | 'values';
export const kvParts = ['keys', 'values'] as const;
/** Both of every layer, of a group's slots. */
export const slots = (group: number): string => `slots.${group}`;
export const past = ({ layer }: CacheLayer, part: KvPart, group: number): string =>
  `past.${layer}.${part}.${group}`;
export const present = ({ layer }: CacheLayer, part: KvPart, group: number): string =>
  `present.${layer}.${part}.${group}`;

/** float32 [rows, headDim / 2], of which a run fills the first: the angles of its tokens. */
export const rotaryTable = (input: string): string => `table.${input}`;
export const graphInput = (key: string): string => `in.${key}`;
export const graphOutput = (key: string): string => `out.${key}`;
