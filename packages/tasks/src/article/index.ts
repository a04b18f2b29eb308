/** Articles, with pictures that the model places and chooses (spec RECIPES §4–§6). */
export {
  type Article,
  type ArticleSection,
  type Candidate,
  type SectionPicture,
  shownPicture,
} from './article.ts';
export type { PlacedCaption } from './caption.ts';
export { compose } from './compose/compose.ts';
export type { ComposeOptions } from './compose/compose-options.ts';
export type { ComposedArticle } from './compose/compose-state.ts';
export { applyEdit } from './edit/apply-edit.ts';
export { type EditSubject, editPrompts, editSettings, type TextEdit } from './edit/edit-prompts.ts';
export {
  deletePicture,
  type SearchPictureOptions,
  searchPicture,
  selectPicture,
  suggestCaption,
} from './edit/picture-edits.ts';
export { type SuggestEditOptions, suggestEdit } from './edit/suggest-edit.ts';
export { ArticleEditError, ComposeStateError, ImageServiceError } from './errors.ts';
export { type EssayOptions, essay, essayPrompts, essaySettings } from './essay.ts';
export { type FolderImagesOptions, folderImages } from './image-source/folder-images.ts';
export { type HttpImagesOptions, httpImages } from './image-source/http-images.ts';
export type { FoundPicture, ImageSearch, ImageSource } from './image-source/image-source.ts';
export { readPositions } from './positions.ts';
export type { ArticlePrompts, ArticleStep } from './prompts/article-prompts.ts';
export { xcomposer1Prompts } from './prompts/xcomposer1.ts';
export { xcomposer2Prompts } from './prompts/xcomposer2.ts';
export { xcomposer2d5Prompts } from './prompts/xcomposer2d5.ts';
export { articleHtml } from './save/article-html.ts';
export { articleMarkdown, demoMarkdown } from './save/article-markdown.ts';
export { type SaveZipOptions, saveHtml, saveZip } from './save/save-article.ts';
export { numberSections, splitSections } from './sections.ts';
export { writeSettings } from './settings.ts';
export { type WriteArticleOptions, write } from './write.ts';
