import { AdapterError } from '../../adapters/adapter-error.ts';
import type { LoraAdapter } from '../../adapters/open-adapter.ts';
import { UnsupportedError } from '../../backend/errors.ts';

/** @throws UnsupportedError when there is no such adapter. */
export function requireAdapter(adapters: readonly string[], adapter: string): void {
  if (adapters.includes(adapter)) return;
  throw new UnsupportedError(
    `This checkpoint has no "${adapter}" adapter: it offers ${adapters.join(', ')}. ` +
      'Choose one of these, load one of your own, or open the original InternLM-XComposer-2.5 checkpoint',
  );
}

/**
 * Names become parts of the names of graphs and weights.
 *
 * @throws AdapterError when one cannot be such a part, or is taken.
 */
export function requireNewName(
  name: string,
  { folder }: LoraAdapter,
  taken: readonly string[],
): void {
  if (!/^[\w-][\w.-]{0,63}$/.test(name)) {
    throw new AdapterError(
      folder,
      `"${name}" is no name for it: use up to 64 letters, digits, -, _ and .`,
    );
  }
  if (taken.includes(name)) {
    throw new AdapterError(
      folder,
      `there is an adapter "${name}" already: unload it, or choose another name`,
    );
  }
}
