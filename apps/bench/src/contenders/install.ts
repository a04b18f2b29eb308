/** Packages of other runtimes, installed when a bench first asks for them: outside this repository. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Where peers and random weights are kept: LINGBI_BENCH_CACHE, or in the user's cache. */
export function cacheFolder(...names: readonly string[]): string {
  const user = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const root = process.env['LINGBI_BENCH_CACHE'] ?? join(user, 'lingbi', 'bench');
  return join(root, ...names);
}

export interface PeerPackages {
  /** The first is the one that is imported. */
  readonly packages: readonly [string, ...string[]];
  /** Whether to leave out optional packages: node-llama-cpp has a gigabyte of CUDA among them. */
  readonly withoutOptional?: boolean;
}

/** The folder in which the packages are installed. No install script runs. */
export async function installPeer({ packages, withoutOptional }: PeerPackages): Promise<string> {
  const folder = cacheFolder('packages', packages[0].replaceAll(/[/@]/g, '_'));
  const name = packages[0].slice(0, packages[0].lastIndexOf('@'));
  if (existsSync(join(folder, 'node_modules', name))) return folder;
  mkdirSync(folder, { recursive: true });
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const left = withoutOptional ? ['--omit=optional'] : [];
  const options = ['install', '--prefix', folder, ...quiet, ...left, ...packages];
  await promisify(execFile)('npm', options, { shell: process.platform === 'win32' });
  return folder;
}

export const nodeLlamaCpp: PeerPackages = {
  packages: ['node-llama-cpp@3.22.1', `@node-llama-cpp/${llamaPlatform()}@3.22.1`],
  withoutOptional: true,
};

export const transformers: PeerPackages = { packages: ['@huggingface/transformers@4.3.1'] };

function llamaPlatform(): string {
  const system = { win32: 'win', darwin: 'mac' }[process.platform as string] ?? process.platform;
  const metal = process.platform === 'darwin' && process.arch === 'arm64' ? '-metal' : '';
  return `${system}-${process.arch}${metal}`;
}
