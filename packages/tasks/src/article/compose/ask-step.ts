import type { PictureSource, Preset } from '@lingbi/vision';
import { fittingHdNum } from '../../writer/fitting-hd-num.ts';
import { type GenerationSettings, withSettings } from '../../writer/generation-settings.ts';
import { deleteTurnMarkers } from '../../writer/markers.ts';
import { writeText } from '../../writer/write-text.ts';
import type { WriteRequest, WriterPrompt } from '../../writer/writer.ts';
import type { ArticlePrompts, ArticleStep } from '../prompts/article-prompts.ts';
import type { ComposeContext } from './compose-context.ts';

/** Asks the model one thing about the article; the seed is the step's own. */
export async function askStep(
  context: ComposeContext,
  step: ArticleStep,
  prompt: WriterPrompt,
  seed: number,
  images: readonly PictureSource[] = [],
): Promise<string> {
  const { writer, prompts, settings, signal, onEvent } = context;
  const effective = { ...withSettings(prompts.settings[step], settings[step]), seed };
  const request: WriteRequest = {
    prompt,
    settings: effective,
    ...(prompts.adapter && { adapter: prompts.adapter }),
    ...(images.length > 0 && { images, tiling: tilingFor(images, prompt, prompts, effective) }),
    ...(signal && { signal }),
  };
  const { text, warnings } = await writeText(writer, request, step, onEvent);
  for (const message of warnings) context.warn(message);
  return deleteTurnMarkers(text);
}

/** Several pictures beside a long text leave each fewer tiles; the reference would cut the prompt. */
function tilingFor(
  images: readonly PictureSource[],
  prompt: WriterPrompt,
  { tiling }: ArticlePrompts,
  { maxPromptTokens }: GenerationSettings,
): Preset {
  if (tiling.kind !== 'hd') return tiling;
  const length = prompt.format === 'chat' ? prompt.query.length : 0;
  const fitting = { wanted: tiling.hdNum, maxPromptTokens };
  return { ...tiling, hdNum: fittingHdNum(images.length, length, fitting) };
}
