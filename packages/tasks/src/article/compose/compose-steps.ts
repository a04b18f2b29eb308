/** What remains to be done for an article, one step at a time. */
import { join } from 'node:path';
import type { PictureSource, Preset } from '@lingbi/vision';
import { fittingHdNum } from '../../writer/fitting-hd-num.ts';
import { type GenerationSettings, withSettings } from '../../writer/generation-settings.ts';
import { deleteTurnMarkers } from '../../writer/markers.ts';
import { writeText } from '../../writer/write-text.ts';
import type { StepListener, WriteRequest, Writer, WriterPrompt } from '../../writer/writer.ts';
import type { Candidate } from '../article.ts';
import { contextsOf, readChoice } from '../choice.ts';
import type { ImageSource } from '../image-source/image-source.ts';
import { readPositions } from '../positions.ts';
import type { ArticlePrompts, ArticleStep } from '../prompts/article-prompts.ts';
import { positionsStart } from '../prompts/texts.ts';
import { splitSections } from '../sections.ts';
import type { ComposeState } from './compose-state.ts';
import { keepPictures, keepUploads, searchPictures } from './keep-pictures.ts';

/** What an article is made with. */
export interface ComposeContext {
  readonly writer: Writer;
  readonly prompts: ArticlePrompts;
  readonly folder: string;
  readonly images?: ImageSource;
  readonly uploads: readonly (string | Uint8Array)[];
  readonly settings: Partial<Readonly<Record<ArticleStep, Partial<GenerationSettings>>>>;
  readonly meta: string;
  readonly wanted: number | 'auto';
  readonly request: string;
  readonly signal?: AbortSignal;
  readonly onEvent?: StepListener<ArticleStep>;
}

type Step = () => Promise<ComposeState>;

/** The next thing to do; nothing when the article is whole. */
export function nextStep(state: ComposeState, context: ComposeContext): Step | undefined {
  const { text, positions, captions, found, chosen } = state;
  if (text === undefined) return () => writeArticle(state, context);
  if (context.wanted === 0) return undefined;
  if (positions === undefined) return () => findPositions(state, context);
  if (context.uploads.length > 0) {
    if (found.length < positions.length) return () => offerUploads(state, context);
  } else {
    if (captions.length < positions.length) return () => writeCaption(state, context);
    if (found.length < positions.length) return () => findPictures(state, context);
  }
  return chosen.length < positions.length ? () => choosePicture(state, context) : undefined;
}

async function writeArticle(state: ComposeState, context: ComposeContext): Promise<ComposeState> {
  const { prompts, uploads, meta } = context;
  const prompt = prompts.article(state.instruction, uploads.length, meta);
  const text = await ask(context, 'article', prompt, state.seed, uploads);
  return { ...state, text };
}

async function findPositions(state: ComposeState, context: ComposeContext): Promise<ComposeState> {
  const { prompts, uploads, wanted } = context;
  const sections = splitSections(state.text!);
  const count = wanted === 'auto' ? undefined : wanted;
  const prompt = prompts.positions(sections, uploads.length, count);
  const answer = await ask(context, 'positions', prompt, state.seed + 1, uploads);
  const most = uploads.length > 0 ? Math.min(count ?? uploads.length, uploads.length) : count;
  return { ...state, positions: readPositions(positionsStart + answer, sections.length, most) };
}

async function writeCaption(state: ComposeState, context: ComposeContext): Promise<ComposeState> {
  const { captions } = state;
  const section = state.positions![captions.length]!;
  const prompt = context.prompts.caption(splitSections(state.text!), section, captions);
  const answer = await ask(context, 'caption', prompt, state.seed + 2 + captions.length);
  const caption = context.prompts.readCaption(answer);
  return { ...state, captions: [...captions, { section, caption }] };
}

async function findPictures(state: ComposeState, context: ComposeContext): Promise<ComposeState> {
  const { found, captions } = state;
  const exclude = found.flat().map(({ id }) => id);
  const { caption } = captions[found.length]!;
  const pictures = await searchPictures(context.images!, caption, exclude, context.signal);
  if (pictures.length === 0) warn(context, `No picture was found for "${caption}"`);
  const kept = await keepPictures(context.folder, String(found.length), pictures);
  return { ...state, found: [...found, kept] };
}

/** Each position is offered all uploads; which are taken already is seen when choosing. */
async function offerUploads(state: ComposeState, context: ComposeContext): Promise<ComposeState> {
  const kept = await keepUploads(context.folder, context.uploads);
  return { ...state, found: state.positions!.map(() => kept) };
}

async function choosePicture(state: ComposeState, context: ComposeContext): Promise<ComposeState> {
  const { found, chosen, seed } = state;
  const k = chosen.length;
  const candidates = found[k]!;
  const earlier = earlierPictures(state);
  const used = context.uploads.length > 0 ? earlier.map(({ id }) => id) : [];
  const free = candidates.filter(({ id }) => !used.includes(id));
  const pick = await pickOne(state, context, { earlier, free, seed: seed + 1000 + k });
  return { ...state, chosen: [...chosen, Math.max(0, candidates.indexOf(free[pick]!))] };
}

/** Those chosen for earlier positions; a position for which none was found has none. */
function earlierPictures({ found, chosen }: ComposeState): Candidate[] {
  return chosen.flatMap((choice, k) => found[k]![choice] ?? []);
}

async function pickOne(
  state: ComposeState,
  context: ComposeContext,
  offer: { earlier: readonly Candidate[]; free: readonly Candidate[]; seed: number },
): Promise<number> {
  const { earlier, free, seed } = offer;
  if (free.length < 2) return 0;
  // A position without a picture joins the context of the next one.
  const shown = state.positions!.filter(
    (_, k) => k === state.chosen.length || (k < state.chosen.length && state.found[k]!.length > 0),
  );
  const contexts = contextsOf(splitSections(state.text!), shown);
  const images = [...earlier, ...free].map(({ file }) => join(context.folder, file));
  const prompt = context.prompts.choice(contexts, free.length);
  return readChoice(await ask(context, 'choice', prompt, seed, images), free.length);
}

async function ask(
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
  return deleteTurnMarkers((await writeText(writer, request, step, onEvent)).text);
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

function warn({ onEvent }: ComposeContext, message: string): void {
  onEvent?.({ type: 'warning', step: 'choice', message });
}
