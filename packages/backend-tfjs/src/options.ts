import { ENGINE_NAMES, type EngineName, type TensorFlow } from './engines/engine.ts';
import { WEIGHT_FORMATS, type WeightFormat } from './weights/format.ts';

export interface TfjsOptions {
  /** Default: the fastest of tensorflow, wasm and cpu that is installed. */
  readonly engine?: EngineName | 'auto';
  /** Default: `await import('@tensorflow/tfjs')`, when the first model is compiled. */
  readonly tf?: TensorFlow;
  /**
   * Path of a native tfjs_binding.node for the `tensorflow` engine. Default: the environment's
   * LINGBI_TFJS_BINDING, else the one that tfjs-node-gpu or tfjs-node has installed.
   */
  readonly binding?: string;
  /**
   * How matrices are kept. Default: `float32`. Smaller formats need the `tensorflow` engine: they
   * halve, quarter or eighth the memory of the linears, see the README for what they cost.
   */
  readonly weights?: WeightFormat;
}

export interface Settings {
  readonly engine: EngineName | 'auto';
  readonly tf: TensorFlow | undefined;
  readonly binding: string | undefined;
  readonly weights: WeightFormat;
}

const KNOWN = ['engine', 'tf', 'binding', 'weights'];

/** Fills in what was not said. @throws RangeError, TypeError for what cannot be. */
export function settle(options: TfjsOptions): Settings {
  const { engine = 'auto', tf, weights = 'float32' } = options;
  const unknown = Object.keys(options).filter((key) => !KNOWN.includes(key));
  if (unknown.length > 0) {
    throw new TypeError(`tfjs: unknown option ${unknown.join(', ')}. It takes ${KNOWN.join(', ')}`);
  }
  requireOneOf('engine', engine, ['auto', ...ENGINE_NAMES]);
  requireOneOf('weights', weights, WEIGHT_FORMATS);
  const binding = options.binding ?? process.env['LINGBI_TFJS_BINDING'];
  return { engine, tf, binding, weights };
}

function requireOneOf(option: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  throw new RangeError(`tfjs: ${option} is "${value}", but must be one of ${known.join(', ')}`);
}
