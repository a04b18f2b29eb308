import { join } from 'node:path';
import type { Candidate } from '../article.ts';
import { contextsOf, readChoice } from '../choice.ts';
import { splitSections } from '../sections.ts';
import { askStep } from './ask-step.ts';
import type { ComposeContext } from './compose-context.ts';
import type { ComposeState } from './compose-state.ts';

/** Lets the model choose for the next position, in the light of those chosen before. */
export async function choosePicture(
  state: ComposeState,
  context: ComposeContext,
): Promise<ComposeState> {
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
  return readChoice(await askStep(context, 'choice', prompt, seed, images), free.length);
}
