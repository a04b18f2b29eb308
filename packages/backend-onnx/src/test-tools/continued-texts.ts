import type { KvCache, KvFormat } from '@lingbi/core';
import { type AttendedText, goneOn, textKeptIn } from './attended-text.ts';
import { type Attention, readingError, roundedFor } from './run-attention.ts';

interface HeldText {
  readonly text: AttendedText;
  /** How many tokens it has in common with what it continues; undefined in a slot of its own. */
  readonly shared?: number;
}

/** Texts in slots of their own, and those that continue them, as a cache should hold them. */
export class ContinuedTexts {
  readonly #texts: Map<number, HeldText>;
  #count = 0;

  /** Slots have not read the texts yet. `size`: of the numbers to come. */
  constructor(
    readonly program: Attention,
    readonly cache: KvCache,
    readonly kv: KvFormat,
    own: readonly AttendedText[],
    readonly size?: number,
  ) {
    this.#texts = new Map(own.map((text, slot) => [slot, { text }]));
  }

  textOf(slot: number): AttendedText {
    return this.#texts.get(slot)!.text;
  }

  async extend(from: number, to: number): Promise<void> {
    await this.cache.extend(from, to);
    const { text, shared = this.cache.length(from) } = this.#texts.get(from)!;
    this.#texts.set(to, { text, shared });
  }

  /** What a slot continues goes on as that does when it is copied there. */
  async copy(from: number, to: number): Promise<void> {
    const isOwn = this.#texts.get(to)?.shared === undefined;
    await this.cache.copy(from, to);
    const held = this.#texts.get(from)!;
    this.#texts.set(to, isOwn ? { text: held.text } : held);
  }

  cut(slot: number, length: number): void {
    this.cache.truncate(length, slot);
    const { text, shared } = this.#texts.get(slot)!;
    this.#texts.set(
      slot,
      shared === undefined ? { text } : { text, shared: Math.min(shared, length) },
    );
  }

  /** The next tokens of a slot. */
  say(slot: number, more: AttendedText): void {
    const held = this.#texts.get(slot)!;
    this.#texts.set(slot, { ...held, text: goneOn(held.text, this.cache.length(slot), more) });
  }

  /** Slots read on together. Returns how far off that is, but for one to ignore; see `readingError`. */
  read(slots: readonly number[], ignored?: number): Promise<number> {
    const parts = slots.map((slot) => {
      const held = this.#texts.get(slot)!;
      const rounded = this.kv === 'int8' ? this.#rounded(held, this.cache.length(slot)) : 0;
      const { text } = held;
      return { slot, text, to: text.tokens, rounded, isIgnored: slot === ignored };
    });
    return readingError(this.program, this.cache, parts);
  }

  #rounded({ text: { of, tokens }, shared }: HeldText, past: number): number {
    return shared === undefined ? roundedFor(of, past, tokens) : Math.min(shared, past);
  }

  /** Slots read so many new tokens together: [slot, tokens]. */
  readMore(...slots: readonly (readonly [slot: number, tokens: number])[]): Promise<number> {
    for (const [slot, tokens] of slots) {
      const { of } = this.textOf(slot);
      this.say(slot, textKeptIn(this.kv, `${this.#count++}`, of, tokens, this.size));
    }
    return this.read(slots.map(([slot]) => slot));
  }
}
