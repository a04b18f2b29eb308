import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { writeAtomically } from '../../files/write-atomically.ts';
import type { Article, Candidate } from '../article.ts';
import type { PlacedCaption } from '../caption.ts';
import { ComposeStateError } from '../errors.ts';
import { splitSections } from '../sections.ts';

/** An article on its way: what is known so far. Each step adds one thing, and is then on disk. */
export interface ComposeState {
  readonly version: 1;
  /** What the article was asked with; another answer is another article. */
  readonly request: string;
  readonly instruction: string;
  readonly seed: number;
  readonly text?: string;
  /** Sections after which a picture goes, rising. */
  readonly positions?: readonly number[];
  /** Of the first positions, in order. */
  readonly captions: readonly PlacedCaption[];
  /** What was found for the first positions; none for some perhaps. */
  readonly found: readonly (readonly Candidate[])[];
  /** Which candidate was chosen for the first positions. */
  readonly chosen: readonly number[];
  /** What was done otherwise than asked, or could not be done. */
  readonly warnings: readonly string[];
}

/** An article and what to know about how it came to be. */
export interface ComposedArticle extends Article {
  readonly warnings: readonly string[];
}

/** A short name for everything that makes an article what it is. */
export function requestKey(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

/** What tells an upload from another: its path, or its bytes. */
export function uploadKey(upload: string | Uint8Array): string {
  return typeof upload === 'string' ? upload : createHash('sha256').update(upload).digest('hex');
}

/** The state on disk; nothing when there is none. @throws ComposeStateError */
export async function readState(path: string, request: string): Promise<ComposeState | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new ComposeStateError(path, error.message);
  });
  if (text === undefined) return undefined;
  const state = parseState(text, path);
  if (state.request === request) return state;
  throw new ComposeStateError(path, 'it was begun with other options');
}

function parseState(text: string, path: string): ComposeState {
  let state: Partial<ComposeState>;
  try {
    state = JSON.parse(text) ?? {};
  } catch (cause) {
    throw new ComposeStateError(path, `it is not JSON: ${(cause as Error).message}`);
  }
  const lists = [state.captions, state.found, state.chosen, state.warnings, state.positions ?? []];
  if (state.version === 1 && lists.every(Array.isArray)) return state as ComposeState;
  throw new ComposeStateError(path, 'it is not the state of an article of this version');
}

export async function writeState(path: string, state: ComposeState): Promise<void> {
  await writeAtomically(path, `${JSON.stringify(state, undefined, 2)}\n`);
}

/** What the state tells of the article; pictures not chosen yet are not in it. */
export function articleOf({
  instruction,
  text = '',
  positions = [],
  ...state
}: ComposeState): ComposedArticle {
  const sections = splitSections(text).map((section, at) => {
    const k = positions.indexOf(at);
    const candidates = state.found[k] ?? [];
    const selected = state.chosen[k];
    if (selected === undefined || candidates.length === 0) return { text: section };
    const caption = state.captions[k]?.caption ?? '';
    return { text: section, picture: { caption, candidates, selected } };
  });
  return { instruction, sections, warnings: state.warnings };
}
