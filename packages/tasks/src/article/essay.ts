import { type GenerationSettings, withSettings } from '../writer/generation-settings.ts';
import { deleteTurnMarkers } from '../writer/markers.ts';
import { writeText } from '../writer/write-text.ts';
import type { StepListener, Writer } from '../writer/writer.ts';
import { demoSettings } from './prompts/xcomposer2d5.ts';

/** The essay tool of the 2.0 models, for Chinese exam questions (spec RECIPES §5). */
export const essayPrompts = {
  outline: (question: string): string =>
    `请列出下面的作文题目对应的写作大纲。\n**题目：**\n${question}`,
  essay: (question: string, outline: string): string =>
    `根据下面的题目和写作大纲进行写作。\n**题目**\n${question}\n\n**大纲：**\n${outline}\n\n**正文写作：**\n`,
} as const;

const sampling = { temperature: 1, topP: 0.8, topK: 40 } as const;

export const essaySettings: Readonly<Record<'outline' | 'essay', GenerationSettings>> = {
  outline: { ...demoSettings, limit: { newTokens: 4096 }, sampling },
  essay: { ...demoSettings, limit: { newTokens: 4096 }, sampling: { ...sampling, topP: 1 } },
};

export interface EssayOptions {
  /** What differs from `essaySettings`, in both steps. */
  readonly settings?: Partial<GenerationSettings>;
  readonly signal?: AbortSignal;
  readonly onEvent?: StepListener<'outline' | 'essay'>;
}

/** An outline for an exam question, then the essay after it. */
export async function essay(
  writer: Writer,
  question: string,
  { settings, signal, onEvent }: EssayOptions = {},
): Promise<{ readonly outline: string; readonly essay: string }> {
  const ask = async (query: string, step: 'outline' | 'essay') => {
    const request = {
      prompt: { format: 'chat', query },
      settings: withSettings(essaySettings[step], settings),
      ...(signal && { signal }),
    } as const;
    return deleteTurnMarkers((await writeText(writer, request, step, onEvent)).text);
  };
  const outline = await ask(essayPrompts.outline(question), 'outline');
  return { outline, essay: await ask(essayPrompts.essay(question, outline), 'essay') };
}
