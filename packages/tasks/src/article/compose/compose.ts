import { join } from 'node:path';
import { freshSeed } from '@lingbi/core';
import { requireKnownOptions } from '../../known-options.ts';
import type { Writer } from '../../writer/writer.ts';
import { xcomposer2d5Prompts } from '../prompts/xcomposer2d5.ts';
import { metaText } from '../write.ts';
import type { ComposeContext } from './compose-context.ts';
import { type ComposeOptions, composeOptions } from './compose-options.ts';
import {
  articleOf,
  type ComposedArticle,
  type ComposeState,
  readState,
  requestKey,
  uploadKey,
  writeState,
} from './compose-state.ts';
import { nextStep } from './compose-steps.ts';

/** The file of the state, within the article's folder. */
const STATE_FILE = 'compose.json';

/** The demo's limit (spec DEMOS §2). */
const MAX_UPLOADS = 10;

/**
 * An illustrated article: the model writes the text, says where pictures go and what they show,
 * and chooses among those that were found (spec RECIPES §4).
 *
 * Every step is on disk before the next begins. Called again with the same options after a crash,
 * it goes on where it was and ends with the same article; called after the end, it returns it.
 *
 * @throws ComposeStateError when the folder holds another article; what writer and source throw.
 */
export async function compose(writer: Writer, options: ComposeOptions): Promise<ComposedArticle> {
  requireKnownOptions('article.compose', options, composeOptions);
  const warnings: string[] = [];
  const context = contextOf(writer, options, (message) => warnings.push(message));
  const path = join(options.folder, STATE_FILE);
  let state = await readState(path, context.request);
  if (!state) {
    state = firstState(options, context.request);
    await writeState(path, state);
  }
  warnings.push(...state.warnings);
  for (let step = nextStep(state, context); step; step = nextStep(state, context)) {
    options.signal?.throwIfAborted();
    state = { ...(await step()), warnings: [...warnings] };
    await writeState(path, state);
  }
  return articleOf(state);
}

function contextOf(
  writer: Writer,
  options: ComposeOptions,
  warn: ComposeContext['warn'],
): ComposeContext {
  const { folder, images, uploads = [], settings = {}, signal, onEvent, instruction } = options;
  const { prompts = xcomposer2d5Prompts } = options;
  const meta = metaText(options.meta);
  const wanted = picturesWanted(options);
  const pictures = uploads.map(uploadKey);
  const seed = options.seed ?? null;
  const request = requestKey([prompts.name, instruction, meta, wanted, pictures, settings, seed]);
  return {
    ...{ writer, prompts, folder, uploads, settings, meta, wanted, request, warn },
    ...(images && { images }),
    ...(signal && { signal }),
    ...(onEvent && { onEvent }),
  };
}

/** With uploads there are no more pictures than those. */
function picturesWanted({
  pictures = 'auto',
  uploads = [],
  images,
}: ComposeOptions): number | 'auto' {
  if (pictures !== 'auto' && (!Number.isInteger(pictures) || pictures < 0)) {
    throw new RangeError(`Composing an article: pictures is ${pictures}, not 'auto' or 0, 1, 2 …`);
  }
  if (uploads.length > MAX_UPLOADS) {
    throw new RangeError(
      `Composing an article: ${uploads.length} uploads are more than ${MAX_UPLOADS}`,
    );
  }
  if (pictures !== 0 && uploads.length === 0 && !images) {
    throw new TypeError(
      'Composing an article with pictures: there is nowhere to take them from. Give images, such as ' +
        'folderImages(folder), or uploads, or pictures: 0',
    );
  }
  return pictures === 'auto' || uploads.length === 0
    ? pictures
    : Math.min(pictures, uploads.length);
}

function firstState(
  { instruction, seed = freshSeed() }: ComposeOptions,
  request: string,
): ComposeState {
  return {
    version: 1,
    request,
    instruction,
    seed,
    captions: [],
    found: [],
    chosen: [],
    warnings: [],
  };
}
