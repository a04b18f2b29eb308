import { cutPrompt, joinTexts, type Prompt, promptLength } from './prompt.ts';

/**
 * A prompt that grows token by token. Tokens are joined to it only when somebody asks for it, so that one
 * costs the same however long the prompt is. What was given out stays as it was.
 */
export class PromptLog {
  #prompt: Prompt;
  /** Positions of `#prompt`. */
  #length: number;
  /** Ids of the tokens after it. */
  #added: number[] = [];

  constructor(prompt: Prompt) {
    this.#prompt = prompt;
    this.#length = promptLength(prompt);
  }

  /** All of it, the tokens joined to the text before them. */
  get prompt(): Prompt {
    if (this.#added.length > 0) {
      const chunk = { type: 'text', ids: Int32Array.from(this.#added) } as const;
      this.#hold(joinTexts([...this.#prompt, chunk]));
    }
    return this.#prompt;
  }

  /** Writes tokens from position `from` on: what was there and after it is forgotten. */
  write(tokens: readonly number[], from: number): void {
    if (from < this.#length) this.#hold(cutPrompt(this.#prompt, from));
    else this.#added.splice(from - this.#length);
    for (const token of tokens) this.#added.push(token);
  }

  #hold(prompt: Prompt): void {
    this.#prompt = prompt;
    this.#length = promptLength(prompt);
    this.#added = [];
  }
}
