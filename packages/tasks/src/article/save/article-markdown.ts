import type { GenerationSettings } from '../../writer/generation-settings.ts';
import { type Article, shownPicture } from '../article.ts';

/** An article as Markdown; pictures are named by their files within the article's folder. */
export function articleMarkdown(article: Article): string {
  const parts = article.sections.map((section) => {
    const picture = shownPicture(section);
    if (!picture) return section.text;
    const caption = section.picture!.caption.replaceAll(/[[\]\\]/g, '\\$&').replaceAll('\n', ' ');
    return `${section.text}\n\n![${caption}](${encodeURI(picture.file)})`;
  });
  return `${parts.join('\n\n')}\n`;
}

/**
 * The file that the demo saves as `io.MD`: how the article was made, one thing a line, then its
 * sections with pictures in the middle, 500 pixels wide (spec RECIPES §4.6).
 */
export function demoMarkdown(article: Article, settings: GenerationSettings): string {
  const { beams, repetitionPenalty, limit, sampling, seed } = settings;
  const most = 'newTokens' in limit ? limit.newTokens : limit.totalTokens;
  const sampled = sampling === 'greedy' ? 'False' : 'True';
  const head = [article.instruction, beams, repetitionPenalty, most, sampled, seed ?? -1, ''];
  const sections = article.sections.map((section) => {
    const picture = shownPicture(section);
    const shown = picture
      ? `<div align="center"> <img src=${picture.file} width = 500/> </div>`
      : '';
    return `${section.text}\n${shown}`;
  });
  return [...head, ...sections].join('\n');
}
