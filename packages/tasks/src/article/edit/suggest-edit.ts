import { requireKnownOptions } from '../../known-options.ts';
import { type GenerationSettings, withSettings } from '../../writer/generation-settings.ts';
import { deleteTurnMarkers } from '../../writer/markers.ts';
import { writeText } from '../../writer/write-text.ts';
import type { StepListener, Writer } from '../../writer/writer.ts';
import type { Article } from '../article.ts';
import { ArticleEditError } from '../errors.ts';
import { sectionAt } from './apply-edit.ts';
import { editQuestion, editSettings, type TextEdit } from './edit-prompts.ts';

export interface SuggestEditOptions {
  /** What the user wants: material, or the outline of a new section, which inserting needs. */
  readonly instruction?: string;
  /** What differs from `editSettings`; long sections need a larger `limit`. */
  readonly settings?: Partial<GenerationSettings>;
  readonly signal?: AbortSignal;
  readonly onEvent?: StepListener<'edit'>;
}

/**
 * What the model would write; the article stays as it is until `applyEdit` (spec RECIPES §4.6).
 *
 * @throws ArticleEditError for a section that is not there, or an insertion without instruction;
 *   NoRoomForAnswerError for a section too long for `settings.limit`.
 */
export async function suggestEdit(
  writer: Writer,
  article: Article,
  section: number,
  edit: TextEdit,
  options: SuggestEditOptions = {},
): Promise<string> {
  requireKnownOptions('article.suggestEdit', options, [
    ...['instruction', 'settings', 'signal', 'onEvent'],
  ]);
  const { instruction = '', settings, signal, onEvent } = options;
  if (edit.startsWith('insert') && instruction.trim() === '') {
    throw new ArticleEditError(`Inserting a section needs an instruction: say what it is about`);
  }
  const { text } = sectionAt(article, section);
  const neighbour = (at: number) => article.sections[at]?.text ?? '';
  const [previous, next] = [neighbour(section - 1), neighbour(section + 1)];
  const query = editQuestion(edit, { text, instruction, previous, next });
  const request = {
    prompt: { format: 'chat', query },
    settings: withSettings(editSettings, settings),
    ...(signal && { signal }),
  } as const;
  return deleteTurnMarkers((await writeText(writer, request, 'edit', onEvent)).text);
}
