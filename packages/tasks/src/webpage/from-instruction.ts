import { requireKnownOptions } from '../known-options.ts';
import { writeText } from '../writer/write-text.ts';
import type { Writer } from '../writer/writer.ts';
import { fileNameOf, webLabels } from './prompts.ts';
import { toWebPage, type WebPage } from './web-page.ts';
import { type WebPageOptions, webPageOptions, webRequest } from './web-request.ts';

/**
 * A web page from its description, which goes to the model as it is (spec RECIPES §1).
 *
 * @throws what the writer throws.
 */
export async function fromInstruction(
  writer: Writer,
  instruction: string,
  options: WebPageOptions = {},
): Promise<WebPage> {
  requireKnownOptions('webpage.fromInstruction', options, webPageOptions);
  return onePass(writer, instruction, webLabels.instruction, options);
}

/** A page that is one answer. */
export async function onePass(
  writer: Writer,
  query: string,
  label: string,
  options: WebPageOptions,
): Promise<WebPage> {
  const request = webRequest(query, options);
  const { text, reason, warnings } = await writeText(writer, request, 'page', options.onEvent);
  const facts = { fileName: fileNameOf(label), answers: [text], reason, warnings };
  return toWebPage(text, facts, options);
}
