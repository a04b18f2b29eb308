import { UnsupportedError } from '../../backend/errors.ts';
import type { AdapterName, XComposerConfig } from './config.ts';

/** @throws UnsupportedError when the checkpoint holds no such adapter. */
export function requireAdapter({ adapters }: XComposerConfig, adapter: AdapterName): void {
  if (adapters.includes(adapter)) return;
  throw new UnsupportedError(
    `This checkpoint has no "${adapter}" adapter: it offers ${adapters.join(', ')}. ` +
      'Choose one of these, or open the original InternLM-XComposer-2.5 checkpoint',
  );
}
