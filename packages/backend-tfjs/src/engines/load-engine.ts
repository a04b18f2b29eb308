import { EngineUnavailableError } from '../errors.ts';
import type { EngineName, TensorFlow } from './engine.ts';
import { loadTensorflow } from './load-tensorflow.ts';
import { type PeerName, packageFolder } from './packages.ts';

export interface EngineSources {
  readonly tf: TensorFlow;
  /** Path of a tfjs_binding.node, for the `tensorflow` engine. */
  readonly binding: string | undefined;
}

/**
 * Makes an engine known to `tf` and starts it; the active engine stays as it is.
 *
 * @throws EngineUnavailableError
 */
export async function loadEngine(name: EngineName, { tf, binding }: EngineSources): Promise<void> {
  await register(name, tf, binding);
  if (await start(name, tf)) return;
  const because = 'it failed to start; TensorFlow.js has written the reason to the console';
  throw new EngineUnavailableError(name, because, 'Choose another engine');
}

async function register(
  name: EngineName,
  tf: TensorFlow,
  binding: string | undefined,
): Promise<void> {
  if (tf.findBackendFactory(name)) return;
  switch (name) {
    case 'tensorflow':
      return loadTensorflow(tf, binding);
    case 'wasm':
      requirePackage(name, '@tensorflow/tfjs-backend-wasm');
      await import('@tensorflow/tfjs-backend-wasm');
      return;
    case 'webgpu':
      requireGpu();
      requirePackage(name, '@tensorflow/tfjs-backend-webgpu');
      await import('@tensorflow/tfjs-backend-webgpu' as string);
      return;
    case 'cpu':
      throw new EngineUnavailableError(
        name,
        'the given tf has no such engine',
        "Pass the union package: import * as tf from '@tensorflow/tfjs'",
      );
    default:
      throw name satisfies never;
  }
}

/**
 * `findBackend` starts an engine without activating it; wasm and webgpu take a moment. A process
 * without an active engine would start a second instance at its next tensor: it gets this one.
 */
async function start(name: EngineName, tf: TensorFlow): Promise<boolean> {
  if (!tf.getBackend()) return tf.setBackend(name);
  if (tf.findBackend(name)) return true;
  await tf.ready();
  return Boolean(tf.findBackend(name));
}

function requirePackage(engine: EngineName, name: PeerName): void {
  if (packageFolder(name)) return;
  const fix = `Run "npm install ${name}@^4.22.0"`;
  throw new EngineUnavailableError(engine, `${name} is not installed`, fix);
}

function requireGpu(): void {
  const { navigator } = globalThis as { navigator?: { gpu?: unknown } };
  if (navigator?.gpu) return;
  throw new EngineUnavailableError(
    'webgpu',
    'this process has no navigator.gpu',
    'Run "npm install webgpu" and, before compiling a model: const { create, globals } = await import("webgpu"); Object.assign(globalThis, globals); Object.defineProperty(globalThis, "navigator", { value: { gpu: create([]) } })',
  );
}
