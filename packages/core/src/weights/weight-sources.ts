import type { WeightDescription, WeightPart, WeightSource } from './weight-source.ts';

/** Weights of several sources, to which others can be added and taken away: the first that has a name answers. */
export class WeightSources implements WeightSource {
  readonly #sources: WeightSource[];

  constructor(...sources: readonly WeightSource[]) {
    this.#sources = [...sources];
  }

  add(source: WeightSource): void {
    this.#sources.push(source);
  }

  remove(source: WeightSource): void {
    const at = this.#sources.indexOf(source);
    if (at >= 0) this.#sources.splice(at, 1);
  }

  has(name: string): boolean {
    return this.#sources.some((source) => source.has(name));
  }

  describe(name: string): WeightDescription {
    return this.#of(name).describe(name);
  }

  read(name: string, part?: WeightPart, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#of(name).read(name, part, signal);
  }

  /** When none has it, the first says what is missing. */
  #of(name: string): WeightSource {
    return this.#sources.find((source) => source.has(name)) ?? this.#sources[0]!;
  }
}
