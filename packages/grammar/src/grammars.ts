import type { TokenConstraint } from '@lingbi/core';
import type { CompiledGrammar, GrammarCompiler, GrammarMatcher } from '@mlc-ai/web-xgrammar';
import { GrammarError } from './errors.ts';
import { loadEngine } from './load-engine.ts';
import { createFormatParser } from './parse-format.ts';
import type { ResponseFormat } from './response-format.ts';

export interface GrammarVocabulary {
  /**
   * Pieces by their ids as SentencePiece spells them: `▁` for a space, `<0x0A>` for a byte. What is
   * undefined never comes: markers, control pieces.
   */
  readonly pieces: readonly (string | undefined)[];
  /** How many logits the model gives; at least as many as there are pieces. */
  readonly size: number;
  /** Ids that end an answer, which they may once it is complete. */
  readonly stopTokens: Iterable<number>;
  /** Whether a space at the very start of an answer gets lost when it becomes text. */
  readonly losesFirstSpace: boolean;
}

/** Makes constraints for the answers of one model. */
export interface Grammars extends Disposable {
  /**
   * A constraint for one answer.
   *
   * @throws GrammarError, UnsupportedSchemaError when the format cannot be read or held to.
   */
  constrain(format: ResponseFormat): Promise<TokenConstraint>;
}

/** Compiled formats that are kept: those of a program are few, and come again and again. */
const KEPT = 8;

/** Reads the vocabulary into an engine, which takes a moment; then formats compile quickly. */
export async function createGrammars(vocabulary: GrammarVocabulary): Promise<Grammars> {
  const { module } = await loadEngine();
  const { pieces, size } = vocabulary;
  const stopTokens = [...vocabulary.stopTokens];
  const spelled = Array.from({ length: size }, (_, id) => pieces[id] ?? ''); // '' never comes
  const info = await module.TokenizerInfo.createTokenizerInfo(
    spelled,
    'byte_fallback',
    false,
    size,
    stopTokens,
  );
  const compiler = await module.GrammarCompiler.createGrammarCompiler(info, false);
  const parser = createFormatParser();
  const known = new Map<string, CompiledGrammar>();
  let last: Promise<unknown> = Promise.resolve();
  const constrain = async (format: ResponseFormat): Promise<TokenConstraint> => {
    const key = JSON.stringify(format);
    const compiled = known.get(key) ?? (await compile(compiler, await parser.parse(format)));
    keep(known, key, compiled);
    const matcher = await module.GrammarMatcher.createGrammarMatcher(compiled);
    return new GrammarConstraint(matcher, vocabulary.losesFirstSpace ? spacesOf(pieces) : []);
  };
  return {
    // One after the other: what one of them forgets, another may be about to use.
    constrain(format) {
      const made = last.then(() => constrain(format));
      last = made.catch(() => {});
      return made;
    },
    [Symbol.dispose]() {
      for (const each of [...known.values(), compiler, info]) each.dispose();
      known.clear();
    },
  };
}

async function compile(compiler: GrammarCompiler, grammar: string): Promise<CompiledGrammar> {
  try {
    return await compiler.compileGrammar(grammar);
  } catch (error) {
    throw new GrammarError('grammar', String(error));
  }
}

/** The one used longest ago goes. */
function keep(known: Map<string, CompiledGrammar>, key: string, compiled: CompiledGrammar): void {
  known.delete(key);
  known.set(key, compiled);
  for (const [oldest, grammar] of known) {
    if (known.size <= KEPT) return;
    grammar.dispose();
    known.delete(oldest);
  }
}

/** Pieces that begin with a space. */
function spacesOf(pieces: readonly (string | undefined)[]): number[] {
  return pieces.flatMap((piece, id) => (piece?.startsWith('▁') || piece === '<0x20>' ? [id] : []));
}

class GrammarConstraint implements TokenConstraint {
  #atStart = true;

  constructor(
    readonly matcher: GrammarMatcher,
    readonly notFirst: readonly number[],
  ) {}

  async ban(scores: Float32Array): Promise<void> {
    banUnset(scores, await this.matcher.getNextTokenBitmask());
    if (this.#atStart) for (const id of this.notFirst) scores[id] = -Infinity;
  }

  accept(token: number): void {
    this.#atStart = false;
    if (this.matcher.acceptToken(token)) return;
    throw new RangeError(`The token ${token} does not continue an answer of this grammar`);
  }

  [Symbol.dispose](): void {
    this.matcher.dispose();
  }
}

/** Bit `id` of the mask says whether the token may come. */
function banUnset(scores: Float32Array, mask: Int32Array): void {
  for (let id = 0; id < scores.length; id++) {
    const word = mask[id >> 5]!;
    if (word === 0 && (id & 31) === 0) {
      scores.fill(-Infinity, id, id + 32);
      id += 31;
    } else if (((word >>> (id & 31)) & 1) === 0) scores[id] = -Infinity;
  }
}
