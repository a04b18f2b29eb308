/** Optional peers: whether they are installed, without running a line of them. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

const require: NodeJS.Require = createRequire(import.meta.url);

export type PeerName =
  | '@tensorflow/tfjs'
  | '@tensorflow/tfjs-backend-wasm'
  | '@tensorflow/tfjs-backend-webgpu'
  | '@tensorflow/tfjs-node'
  | '@tensorflow/tfjs-node-gpu';

/** The folder of an installed package, undefined when it is not installed. */
export function packageFolder(name: PeerName): string | undefined {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

/** Loads a CommonJS file by its path or package name. */
export function load(path: string): unknown {
  return require(path);
}
