import { scoreContinuations } from '@lingbi/core';
import type { AnswerScorer } from '../dual-focus/answer-scorer.ts';
import type { Model } from '../model/open-model.ts';
import { claimScores } from './claim-memory.ts';
import { chatSettings } from './generation-settings.ts';
import { feedOf } from './model-feed.ts';
import type { ModelWriterOptions } from './model-writer.ts';

/** Scores answers with an open checkpoint: prompt and pictures are read once for all of them. */
export function modelScorer(
  model: Model,
  { reading }: Pick<ModelWriterOptions, 'reading'> = {},
): AnswerScorer {
  return {
    async meanLosses({ prompt, images, answers, signal }) {
      const cancel = signal && { signal };
      const request = { prompt, images, settings: chatSettings, ...cancel };
      const feed = await feedOf(model, request, reading);
      const ids = answers.map((answer) => [...model.tokenizer.encode(answer)]);
      const longest = Math.max(...ids.map(({ length }) => length));
      const opened = claimScores(model, feed, longest);
      using _claimed = opened.claimed;
      using sequence = opened.sequence;
      const scores = await scoreContinuations(sequence, feed.chunks, ids, cancel);
      return scores.map(({ logprobs, total }) => -total / logprobs.length);
    },
  };
}
