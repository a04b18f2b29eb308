import { readFile } from 'node:fs/promises';
import { requireKnownOptions } from '../known-options.ts';
import { deleteTurnMarkers } from '../writer/markers.ts';
import { writeText } from '../writer/write-text.ts';
import type { Writer } from '../writer/writer.ts';
import { ResumeNotReadableError } from './errors.ts';
import { type MergedPage, mergeEvents } from './merge-events.ts';
import { fileNameOf, webLabels, webPrompts } from './prompts.ts';
import { toWebPage, type WebPage } from './web-page.ts';
import { type WebPageOptions, type WebStep, webPageOptions, webRequest } from './web-request.ts';

/** The path of a text file, or the text. */
export type Resume = string | { readonly text: string };

/**
 * A personal page from a résumé, in two passes: the page, then JavaScript events for it, which are
 * merged into the page (spec RECIPES §3.1; `mergeEvents` says what differs from the reference).
 * Both passes have the same seed, as there.
 *
 * @throws ResumeNotReadableError; what the writer throws.
 */
export async function fromResume(
  writer: Writer,
  resume: Resume,
  options: WebPageOptions = {},
): Promise<WebPage> {
  requireKnownOptions('webpage.fromResume', options, webPageOptions);
  const { onEvent } = options;
  const pass = (query: string, step: WebStep) =>
    writeText(writer, webRequest(query, options), step, onEvent);
  const page = await pass(webPrompts.resume + (await readResume(resume)), 'page');
  const html = deleteTurnMarkers(page.text);
  const events = await pass(webPrompts.events + html, 'events');
  const merged = mergeEvents(html, deleteTurnMarkers(events.text));
  const facts = {
    fileName: fileNameOf(webLabels.resume),
    answers: [page.text, events.text],
    reason: page.reason === 'length' ? page.reason : events.reason,
    warnings: [...page.warnings, ...events.warnings, ...lostEvents(merged)],
  };
  return toWebPage(merged.html, facts, options);
}

function lostEvents({ place }: MergedPage): string[] {
  if (place !== 'nowhere') return [];
  return ['The second pass gave no script that the page has a place for; the page has no events'];
}

async function readResume(resume: Resume): Promise<string> {
  if (typeof resume === 'object') return resume.text;
  try {
    const bytes = await readFile(resume);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ResumeNotReadableError(resume, cause);
  }
}
