/** Web pages from descriptions, résumés and screenshots (spec RECIPES §1–§3). */
export { checkPage, type PageProblem } from './check-page.ts';
export { type CompletePageOptions, completePage } from './complete-page.ts';
export { ResumeNotReadableError } from './errors.ts';
export { fromInstruction } from './from-instruction.ts';
export { fromResume, type Resume } from './from-resume.ts';
export { fromScreenshot } from './from-screenshot.ts';
export { type MergedPage, mergeEvents } from './merge-events.ts';
export { type PagePictures, replacePictures, type WantedPicture } from './placeholder-pictures.ts';
export { type SandboxedPage, type SandboxOptions, sandboxPage } from './preview/sandbox-page.ts';
export { type SanitizedPage, sanitizePage } from './preview/sanitize-page.ts';
export { fileNameOf, webLabels, webPrompts } from './prompts.ts';
export {
  webSettings,
  webSettingsOfTheReference,
  webSettingsWithoutBeams,
} from './settings.ts';
export { type FinishOptions, finishPage, savePage, type WebPage } from './web-page.ts';
export type { WebPageOptions, WebStep } from './web-request.ts';
