import { type TfjsBackend, type TfjsOptions, tfjs } from '../tfjs.ts';
import { builtBinding } from './built-binding.ts';

/** The engines that can be tested here: `tensorflow` where its binding was built. */
export function testedEngines(options: TfjsOptions = {}): readonly TfjsBackend[] {
  const binding = builtBinding();
  const native = binding ? [tfjs({ ...options, engine: 'tensorflow', binding })] : [];
  return [tfjs({ ...options, engine: 'cpu' }), tfjs({ ...options, engine: 'wasm' }), ...native];
}
