import type { Extension, Program } from '../../backend/backend.ts';
import type { Graph } from '../../graph/graph.ts';
import type { WeightSource } from '../../weights/weight-source.ts';

/** What an addition is for: the same key stands for the same graphs. */
export interface AddedKey {
  readonly what: string;
  /** The adapters that act in them. */
  readonly adapters: readonly string[];
}

/** Graphs over the weights of a program that most of its users never ask for: compiled for who does. */
export class AddedGraphs {
  readonly #compiled = new Map<string, Compiled>();

  constructor(
    readonly program: Pick<Program<string>, 'extend'>,
    readonly weights: WeightSource,
  ) {}

  /** Compiles them when they are first asked for; what failed is tried again the next time. */
  get(
    { what, adapters }: AddedKey,
    graphs: () => Readonly<Record<string, Graph>>,
  ): Promise<Extension<string>> {
    const key = [what, ...adapters].join(' ');
    const known = this.#compiled.get(key);
    if (known) return known.extension;
    const extension = this.program.extend(graphs(), this.weights);
    this.#compiled.set(key, { adapters, extension });
    extension.catch(() => this.#compiled.delete(key));
    return extension;
  }

  /** Disposes whatever an adapter acts in. */
  async forget(adapter: string): Promise<void> {
    for (const [key, { adapters, extension }] of this.#compiled) {
      if (!adapters.includes(adapter)) continue;
      this.#compiled.delete(key);
      const compiled = await extension.catch(() => undefined); // who asked for it knows why
      await compiled?.[Symbol.asyncDispose]();
    }
  }
}

interface Compiled {
  readonly adapters: readonly string[];
  readonly extension: Promise<Extension<string>>;
}
