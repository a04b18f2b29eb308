/** Parts of the prompts that all generations of the family share (spec RECIPES §4.2–§4.5, §6). */
import { imageHere, withoutPlaces } from '../../writer/markers.ts';
import { type PlacedCaption, pastCaptions } from '../caption.ts';
import { letters } from '../choice.ts';
import { numberSections } from '../sections.ts';

export const positionsStart = '适合插入图像的行是';
export const captionStart = '标题是"';
export const choiceStart = '最合适的图是';

export function positionsQuestion(sections: readonly string[], count: number | undefined): string {
  const full = withoutPlaces(numberSections(sections));
  return `给定文章"${full}" 根据上述文章，选择适合插入图像的${count ?? ''}行`;
}

/** The model sees the article up to the section after the one in question. */
export function captionQuestion(
  sections: readonly string[],
  section: number,
  past: readonly PlacedCaption[],
): string {
  const shown = withoutPlaces(numberSections(sections.slice(0, section + 2)));
  const told = withoutPlaces(pastCaptions(past));
  return `给定文章"${shown}" ${told}给出适合在<Seg${section}>后插入的图像对应的标题。`;
}

/** A picture stands between contexts, where the one chosen for the earlier of them goes. */
export function choiceContext(contexts: readonly string[]): string {
  return `根据给定上下文和候选图像，选择合适的配图：${contexts.map(withoutPlaces).join(imageHere)}`;
}

export function choiceCandidates(candidates: number): string {
  const lines = [...letters.slice(0, candidates)].map((letter) => `${letter}.${imageHere}`);
  return `候选图像包括: ${lines.join('\n')}`;
}
