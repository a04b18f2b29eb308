import { EngineUnavailableError } from '../errors.ts';
import { describeDevice } from './describe-device.ts';
import type { Engine, EngineName, EngineReport, TensorFlow } from './engine.ts';
import { type EngineSources, loadEngine } from './load-engine.ts';
import { packageFolder } from './packages.ts';

/** Fastest first; webgpu is experimental and only taken when asked for. */
const PREFERENCE = ['tensorflow', 'wasm', 'cpu'] as const;

export interface EngineChoice {
  readonly engine: EngineName | 'auto';
  readonly tf: TensorFlow | undefined;
  readonly binding: string | undefined;
}

/**
 * The engine that was asked for, or the fastest that can be had.
 *
 * @throws EngineUnavailableError
 */
export async function openEngine({ engine, tf, binding }: EngineChoice): Promise<Engine> {
  const sources = { tf: tf ?? (await importTensorFlow(engine)), binding };
  if (engine !== 'auto') {
    await loadEngine(engine, sources);
    return opened(engine, sources.tf, 'it was asked for', []);
  }
  return firstAvailable(sources);
}

async function firstAvailable(sources: EngineSources): Promise<Engine> {
  const refused: EngineReport['refused'][number][] = [];
  for (const name of PREFERENCE) {
    try {
      await loadEngine(name, sources);
      const reason = refused.length === 0 ? 'it is the fastest' : 'it is the fastest that is here';
      return opened(name, sources.tf, reason, refused);
    } catch (error) {
      if (!(error instanceof EngineUnavailableError)) throw error;
      refused.push({ engine: name, because: error.because });
    }
  }
  const because = refused.map((each) => `${each.engine}: ${each.because}`).join('; ');
  throw new EngineUnavailableError('auto', because, 'Run "npm install @tensorflow/tfjs"');
}

function opened(
  name: EngineName,
  tf: TensorFlow,
  reason: string,
  refused: EngineReport['refused'],
): Engine {
  const missing = refused.map((each) => ` (no ${each.engine}: ${each.because})`).join('');
  const device = describeDevice(name, tf) + missing;
  return { tf, name, report: { engine: name, device, reason, refused } };
}

async function importTensorFlow(engine: EngineChoice['engine']): Promise<TensorFlow> {
  if (packageFolder('@tensorflow/tfjs')) return import('@tensorflow/tfjs');
  const fix = 'Run "npm install @tensorflow/tfjs@^4.22.0", or pass it: tfjs({ tf })';
  throw new EngineUnavailableError(engine, '@tensorflow/tfjs is not installed', fix);
}
