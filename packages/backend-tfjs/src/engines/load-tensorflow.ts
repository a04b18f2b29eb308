/** The `tensorflow` engine: tfjs-node or tfjs-node-gpu, whose JavaScript is the same. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { EngineUnavailableError } from '../errors.ts';
import type { TensorFlow } from './engine.ts';
import { load, type PeerName, packageFolder } from './packages.ts';

/** In the order in which they are preferred. */
const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;
type NodePackage = (typeof PACKAGES)[number];

/** A native binding and the package whose JavaScript drives it. */
interface Binding {
  readonly file: string;
  readonly package: NodePackage;
  readonly folder: string;
}

/**
 * Registers the engine with `tf`, unless the caller's code has. `binding` is the path of a
 * tfjs_binding.node built elsewhere.
 *
 * @throws EngineUnavailableError when no package or no binding is there, or it does not load.
 */
export function loadTensorflow(tf: TensorFlow, binding: string | undefined): void {
  if (tf.findBackendFactory('tensorflow')) return;
  const found = findBinding(binding);
  try {
    register(tf, found);
  } catch (cause) {
    throw new EngineUnavailableError(
      'tensorflow',
      `${found.file} did not load: ${String((cause as Error).message).split('\n')[0]}`,
      'Is it built for this platform and Node, with libtensorflow beside it? Rebuild it, see the README of @lingbi/backend-tfjs',
      { cause },
    );
  }
}

/**
 * Looks before anything is imported: an import of tfjs-node that fails has registered its kernels
 * already, and they stay.
 */
function findBinding(file: string | undefined): Binding {
  const installed = PACKAGES.flatMap((name) => {
    const folder = packageFolder(name);
    return folder === undefined ? [] : [{ package: name, folder }];
  });
  if (installed.length === 0) {
    const because = 'neither @tensorflow/tfjs-node-gpu nor @tensorflow/tfjs-node is installed';
    throw unavailable(because, 'Run "npm install @tensorflow/tfjs-node"');
  }
  const candidates = installed.map((each) => ({ ...each, file: file ?? ownBinding(each.folder) }));
  const found = candidates.find((each) => each.file !== undefined && existsSync(each.file));
  if (found) return found as Binding;
  const where = file ?? `${installed.map(({ folder }) => folder).join(', ')} (lib/napi-v*)`;
  throw unavailable(
    `there is no tfjs_binding.node in ${where}`,
    `Run "npm rebuild ${installed[0]!.package}" with install scripts allowed, or build one and set LINGBI_TFJS_BINDING to its path`,
  );
}

/** Where a package's install script puts its binding. */
function ownBinding(folder: string): string | undefined {
  const lib = join(folder, 'lib');
  if (!existsSync(lib)) return undefined;
  return readdirSync(lib)
    .filter((name) => name.startsWith('napi-v'))
    .map((name) => join(lib, name, 'tfjs_binding.node'))
    .find((path) => existsSync(path));
}

/** As the package's own index does it, but with our binding and without activating the engine. */
function register(tf: TensorFlow, { file, folder, package: name }: Binding): void {
  restoreRemovedUtil();
  const native = load(file);
  load(join(folder, 'dist/register_all_kernels.js'));
  const { NodeJSKernelBackend } = load(join(folder, 'dist/nodejs_kernel_backend.js')) as {
    NodeJSKernelBackend: new (binding: unknown, packageName: PeerName) => never;
  };
  tf.registerBackend('tensorflow', () => new NodeJSKernelBackend(native, name), 3);
}

/** Node 24 dropped a function that tfjs-node 4.22 still calls. */
function restoreRemovedUtil(): void {
  const util = load('node:util') as { isNullOrUndefined?: (value: unknown) => boolean };
  util.isNullOrUndefined ??= (value) => value === null || value === undefined;
}

function unavailable(because: string, fix: string): EngineUnavailableError {
  return new EngineUnavailableError('tensorflow', because, fix);
}
