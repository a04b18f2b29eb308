import type { PictureSource } from '@lingbi/vision';
import type { ChatPrompt } from '../writer/writer.ts';

/** Says how likely a model finds answers. */
export interface AnswerScorer {
  /** The mean loss of each answer's tokens, given prompt and pictures: lower is likelier. */
  meanLosses(request: ScoreRequest): Promise<readonly number[]>;
}

export interface ScoreRequest {
  readonly prompt: ChatPrompt;
  readonly images: readonly PictureSource[];
  readonly answers: readonly string[];
  readonly signal?: AbortSignal;
}
