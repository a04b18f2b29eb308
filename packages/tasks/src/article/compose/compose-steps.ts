/** What remains to be done for an article, one step at a time. */
import { readPositions } from '../positions.ts';
import { positionsStart } from '../prompts/texts.ts';
import { splitSections } from '../sections.ts';
import { askStep } from './ask-step.ts';
import { choosePicture } from './choose-picture.ts';
import type { ComposeContext } from './compose-context.ts';
import type { ComposeState } from './compose-state.ts';
import { keepPictures, keepUploads, searchPictures } from './keep-pictures.ts';

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
  const text = await askStep(context, 'article', prompt, state.seed, uploads);
  return { ...state, text };
}

async function findPositions(state: ComposeState, context: ComposeContext): Promise<ComposeState> {
  const { prompts, uploads, wanted } = context;
  const sections = splitSections(state.text!);
  const count = wanted === 'auto' ? undefined : wanted;
  const prompt = prompts.positions(sections, uploads.length, count);
  const answer = await askStep(context, 'positions', prompt, state.seed + 1, uploads);
  const most = uploads.length > 0 ? Math.min(count ?? uploads.length, uploads.length) : count;
  return { ...state, positions: readPositions(positionsStart + answer, sections.length, most) };
}

async function writeCaption(state: ComposeState, context: ComposeContext): Promise<ComposeState> {
  const { captions } = state;
  const section = state.positions![captions.length]!;
  const prompt = context.prompts.caption(splitSections(state.text!), section, captions);
  const answer = await askStep(context, 'caption', prompt, state.seed + 2 + captions.length);
  const caption = context.prompts.readCaption(answer);
  return { ...state, captions: [...captions, { section, caption }] };
}

async function findPictures(state: ComposeState, context: ComposeContext): Promise<ComposeState> {
  const { found, captions } = state;
  const exclude = found.flat().map(({ id }) => id);
  const { caption } = captions[found.length]!;
  const pictures = await searchPictures(context.images!, caption, exclude, context.signal);
  if (pictures.length === 0) context.warn(`No picture was found for "${caption}"`);
  const kept = await keepPictures(context.folder, String(found.length), pictures);
  return { ...state, found: [...found, kept] };
}

/** Each position is offered all uploads; which are taken already is seen when choosing. */
async function offerUploads(state: ComposeState, context: ComposeContext): Promise<ComposeState> {
  const kept = await keepUploads(context.folder, context.uploads);
  return { ...state, found: state.positions!.map(() => kept) };
}
