import type { ChatTurn } from '@lingbi/tokenizer';
import { type Picture, type PictureSource, type ReadOptions, readPicture } from '@lingbi/vision';
import { asPixels } from '../captions/video/pixels.ts';
import { requireKnownOptions } from '../known-options.ts';
import { type GenerationSettings, withSettings } from '../writer/generation-settings.ts';
import { writeText } from '../writer/write-text.ts';
import type { StepListener, Writer } from '../writer/writer.ts';
import type { AnswerScorer } from './answer-scorer.ts';
import { type Box, crop, cropBox, readBox } from './boxes.ts';
import { chooseAnswer } from './choose-answer.ts';
import { focusPrompts, withOptions } from './focus-prompts.ts';
import { dualFocusSettings } from './focus-settings.ts';

/** Says where in a picture the answer to a question is to be looked for; nothing: nowhere. */
export type BoxProvider = (question: string, picture: Picture) => Promise<Box | undefined>;

export interface DualFocusOptions {
  readonly scorer: AnswerScorer;
  /** Answers to choose from, at most four. */
  readonly options?: readonly string[];
  /** Default: the model is asked, which InternLM-XComposer-2.5 was not trained for. */
  readonly box?: BoxProvider;
  /** How candidates are scored. Default `mmbench` with options, else `textvqa`. */
  readonly form?: keyof typeof focusPrompts.score;
  /** What differs from `dualFocusSettings`. */
  readonly settings?: Partial<GenerationSettings>;
  readonly reading?: Omit<ReadOptions, 'signal'>;
  readonly signal?: AbortSignal;
  readonly onEvent?: StepListener<'focus'>;
}

export interface FocusedAnswer {
  readonly answer: string;
  /** Which of the two it is. */
  readonly focus: 'macro' | 'micro';
  readonly macro: string;
  /** Absent where no region was found. */
  readonly micro?: string;
  readonly box?: Box;
  /** Of macro and micro answer, where they were compared. */
  readonly losses?: readonly [macro: number, micro: number];
}

/**
 * Answers a question twice, from the whole picture and from a closer look at the region it asks
 * about, and takes the answer that the model finds likelier (spec SIDE_PROJECTS §8).
 *
 * @throws RangeError for more than four options; what writer, scorer and box provider throw.
 */
export async function dualFocus(
  writer: Writer,
  question: string,
  image: PictureSource,
  options: DualFocusOptions,
): Promise<FocusedAnswer> {
  requireKnownOptions('dualFocus', options, [
    ...['scorer', 'options', 'box', 'form', 'settings', 'reading', 'signal', 'onEvent'],
  ]);
  if ((options.options?.length ?? 0) > 4) {
    throw new RangeError(`dualFocus: ${options.options!.length} options are more than A to D`);
  }
  const { signal } = options;
  const picture = await readPicture(image, { ...options.reading, ...(signal && { signal }) });
  const full = options.options ? withOptions(question, options.options) : question;
  const ask = asker(writer, options);
  const macro = await ask(focusPrompts.macro(full), [picture]);
  const found = await findBox(question, picture, options.box, ask);
  const region = found.box && cropBox(found.box, picture);
  if (!found.box || !region) return { answer: macro, focus: 'macro', macro };
  const pictures = [picture, crop(picture, region)];
  const history = [{ query: focusPrompts.box(question), answer: found.told }];
  const answered = await ask(focusPrompts.micro(full), pictures, history);
  const micro = answered.replace(/^[\n.]+|[\n.]+$/g, '');
  const chosen = await chooseAnswer({ macro, micro, question, pictures, history }, options);
  return { ...chosen, macro, micro, box: found.box };
}

type Ask = (
  query: string,
  pictures: readonly Picture[],
  history?: readonly ChatTurn[],
) => Promise<string>;

function asker(writer: Writer, { settings, signal, onEvent }: DualFocusOptions): Ask {
  return async (query, pictures, history = []) => {
    const request = {
      prompt: { format: 'chat', query, history },
      images: pictures.map(asPixels),
      settings: withSettings(dualFocusSettings, settings),
      ...(signal && { signal }),
    } as const;
    return (await writeText(writer, request, 'focus', onEvent)).text;
  };
}

/** The region, and what tells the model of it in the next turn. */
async function findBox(
  question: string,
  picture: Picture,
  provider: BoxProvider | undefined,
  ask: Ask,
): Promise<{ readonly box: Box | undefined; readonly told: string }> {
  if (!provider) {
    const told = await ask(focusPrompts.box(question), [picture]);
    return { box: readBox(told), told };
  }
  const box = await provider(question, picture);
  const numbers = box ? [box.x1, box.y1, box.x2, box.y2] : [];
  return { box, told: `[${numbers.map((value) => value.toFixed(3)).join(', ')}]` };
}
