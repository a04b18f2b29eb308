import {
  beamCount,
  type ClaimedRequest,
  type ClaimedSequence,
  type GenerateOptions,
  type MemoryLever,
  promptParts,
} from '@lingbi/core';
import type { Model } from '../model/open-model.ts';
import type { AnswerLimit } from './generation-settings.ts';
import type { ModelFeed } from './model-feed.ts';
import type { WriteRequest } from './writer.ts';

/**
 * Sets memory aside for an answer, until that is disposed, and opens its sequence.
 *
 * @throws MemoryBudgetError naming the settings of the request that would make it fit.
 */
export function claimAnswer(
  { xcomposer }: Model,
  { settings, adapter = 'base' }: Pick<WriteRequest, 'settings' | 'adapter'>,
  feed: ModelFeed,
  { maxNewTokens, beams }: Pick<GenerateOptions, 'maxNewTokens' | 'beams'>,
): ClaimedSequence {
  const prompt = promptParts(feed.chunks);
  const request = { prompt, maxNewTokens, beams: beamCount(beams), adapter };
  const levers = [
    limitLever(settings.limit, feed.prompt.length, request),
    lever('beams', request.beams, (value) => ({ ...request, beams: value })),
    ...hdNumLever(feed, request),
  ];
  const capacity = feed.prompt.length + maxNewTokens;
  const opening = { capacity, slots: request.beams, prompt: feed.chunks, adapter };
  return xcomposer.claimSequence(opening, { doing: 'This answer', request, levers });
}

/**
 * The same for answers that are scored one after the other, over one prompt.
 *
 * @throws MemoryBudgetError
 */
export function claimScores(
  { xcomposer }: Model,
  { chunks, prompt }: ModelFeed,
  longest: number,
): ClaimedSequence {
  const request = { prompt: promptParts(chunks), maxNewTokens: longest };
  const opening = { capacity: prompt.length + longest, prompt: chunks };
  return xcomposer.claimSequence(opening, { doing: 'Scoring these answers', request });
}

function lever(
  setting: MemoryLever['setting'],
  now: number,
  change: (value: number) => ClaimedRequest,
): MemoryLever {
  return { setting, now, with: change };
}

/** Of an answer together with its prompt, what the prompt leaves is the answer's. */
function limitLever(limit: AnswerLimit, prompt: number, request: ClaimedRequest): MemoryLever {
  if ('newTokens' in limit) {
    return lever('newTokens', limit.newTokens, (maxNewTokens) => ({ ...request, maxNewTokens }));
  }
  return lever('totalTokens', limit.totalTokens, (total) => {
    return { ...request, maxNewTokens: Math.max(1, total - prompt) };
  });
}

/** None when there is no picture to cut less finely. */
function hdNumLever({ chunks, cut }: ModelFeed, request: ClaimedRequest): MemoryLever[] {
  if (!cut) return [];
  const withHdNum = (most: number) => ({
    ...request,
    prompt: promptParts(chunks, cut.grids(most)),
  });
  return [lever('hdNum', cut.hdNum, withHdNum)];
}
