/** What the checks know of this repository: its folders, its packages and their files. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository, absolute; every other path here is relative to it, with slashes. */
export const root: string = dirname(dirname(fileURLToPath(import.meta.url)));

export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly files?: readonly string[];
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export interface WorkspacePackage {
  /** `packages/core`. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Every package of `packages/` and `apps/`, those that are never published included. */
export function workspacePackages(): WorkspacePackage[] {
  return ['packages', 'apps'].flatMap((parent) =>
    readdirSync(join(root, parent))
      .map((name) => `${parent}/${name}`)
      .filter((folder) => existsSync(join(root, folder, 'package.json')))
      .map((folder) => ({ folder, manifest: readManifest(folder) })),
  );
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readText(join(folder, 'package.json')));
}

export function readText(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** The files of a folder and its subfolders that end so; none when there is no such folder. */
export function filesBelow(folder: string, ending: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'dist') return [];
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return filesBelow(path, ending);
    return path.endsWith(ending) ? [path] : [];
  });
}
