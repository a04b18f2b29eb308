import { cutAtTurnEnd } from '@lingbi/tokenizer';
import { type PictureSource, type Preset, presets } from '@lingbi/vision';
import { requireKnownOptions } from '../known-options.ts';
import { fittingHdNum } from '../writer/fitting-hd-num.ts';
import {
  chatSettings,
  type GenerationSettings,
  withSettings,
} from '../writer/generation-settings.ts';
import { imageHere } from '../writer/markers.ts';
import { writeText } from '../writer/write-text.ts';
import type { StepListener, WriteRequest, Writer } from '../writer/writer.ts';

/** A dialogue about several pictures, in the form of MMDU (spec SIDE_PROJECTS §7). */
export interface Dialogue {
  readonly id: string | number;
  /** In the order of their `<ImageHere>` in the questions. */
  readonly image: readonly PictureSource[];
  readonly conversations: readonly DialogueMessage[];
}

export interface DialogueMessage {
  readonly from: 'user' | 'assistant';
  readonly value: string;
}

/** A question as it was asked, the model's answer, and the one in the record. */
export interface DialogueTurn {
  readonly question: string;
  readonly answer: string;
  readonly reference?: string;
}

export interface RunDialogueOptions {
  /** What differs from the settings of `chat()`. */
  readonly settings?: Partial<GenerationSettings>;
  /** How pictures become tiles. Default: as fine as leaves room for the text, up to 6 tiles each. */
  readonly tiling?: Preset;
  readonly signal?: AbortSignal;
  readonly onEvent?: StepListener<'turn'>;
}

/** The benchmark's longest dialogue takes 18 k tokens; questions and answers need about this much. */
const TEXT_TOKENS = 4096;

/**
 * Asks the questions of a dialogue one by one, with the model's own answers as history, and yields
 * each turn. Every question comes with the pictures up to it.
 *
 * @throws RangeError when a dialogue has more places for pictures than pictures; what the writer
 *   throws, such as for a prompt that became too long.
 */
export async function* runDialogue(
  writer: Writer,
  { id, image, conversations }: Dialogue,
  options: RunDialogueOptions = {},
): AsyncGenerator<DialogueTurn> {
  requireKnownOptions('runDialogue', options, ['settings', 'tiling', 'signal', 'onEvent']);
  const settings = withSettings(chatSettings, options.settings);
  const { tiling = tilingFor(image.length, settings), signal, onEvent } = options;
  const history: { query: string; answer: string }[] = [];
  let shown = 0;
  for (const [at, { from, value: query }] of conversations.entries()) {
    if (from !== 'user') continue;
    shown += query.split(imageHere).length - 1;
    if (shown > image.length) {
      throw new RangeError(
        `Dialogue ${id}: its questions have places for ${shown} pictures, but it has ${image.length}`,
      );
    }
    const request: WriteRequest = {
      prompt: { format: 'chat', query, history: [...history] },
      settings,
      placeholders: 'strict',
      ...(shown > 0 && { images: image.slice(0, shown), tiling }),
      ...(signal && { signal }),
    };
    const answer = cutAtTurnEnd((await writeText(writer, request, 'turn', onEvent)).text);
    history.push({ query, answer });
    const next = conversations[at + 1];
    yield { question: query, answer, ...(next?.from === 'assistant' && { reference: next.value }) };
  }
}

/** The same for all turns: a picture that changed its tiles would be another picture. */
function tilingFor(pictures: number, { maxPromptTokens }: GenerationSettings): Preset {
  const preset = presets.severalPictures;
  const fitting = { wanted: preset.hdNum, maxPromptTokens };
  return { ...preset, hdNum: fittingHdNum(pictures, TEXT_TOKENS, fitting) };
}
