import { type TfjsBackend, tfjs } from '../tfjs.ts';
import { builtBinding } from './built-binding.ts';

/** The engines that can be tested here: `tensorflow` where its binding was built. */
export function testedEngines(): readonly TfjsBackend[] {
  const binding = builtBinding();
  const native = binding ? [tfjs({ engine: 'tensorflow', binding })] : [];
  return [tfjs({ engine: 'cpu' }), tfjs({ engine: 'wasm' }), ...native];
}
