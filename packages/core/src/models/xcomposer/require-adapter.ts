import { UnsupportedError } from '../../backend/errors.ts';

/** @throws UnsupportedError when there is no such adapter. */
export function requireAdapter(adapters: readonly string[], adapter: string): void {
  if (adapters.includes(adapter)) return;
  throw new UnsupportedError(
    `This checkpoint has no "${adapter}" adapter: it offers ${adapters.join(', ')}. ` +
      'Choose one of these, load one of your own, or open the original InternLM-XComposer-2.5 checkpoint',
  );
}
