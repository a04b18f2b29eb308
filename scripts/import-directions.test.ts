/** Keeps the arrows between the packages: who may import whom, and that package.json says the same. */
import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import {
  filesBelow,
  readManifest,
  readText,
  type WorkspacePackage,
  workspacePackages,
} from './workspace.ts';

interface Arrows {
  /** The packages of this repository that it may import. */
  readonly own: readonly string[];
  /** The packages of others that it may import; all it declares when absent. */
  readonly others?: readonly string[];
}

const arrows: Readonly<Record<string, Arrows>> = {
  'packages/core': { own: [], others: [] },
  'packages/backend-onnx': { own: ['@lingbi/core'] },
  'packages/backend-tfjs': { own: ['@lingbi/core'] },
  'packages/hub': { own: ['@lingbi/core', '@lingbi/tokenizer'], others: ['@huggingface/hub'] },
  'packages/grammar': { own: ['@lingbi/core'], others: ['@mlc-ai/web-xgrammar'] },
  'packages/tokenizer': { own: [], others: [] },
  'packages/vision': { own: ['@lingbi/core'], others: ['sharp'] },
  'packages/video': { own: ['@lingbi/core', '@lingbi/vision'] },
  'packages/tasks': {
    own: [
      ...['@lingbi/core', '@lingbi/grammar', '@lingbi/hub', '@lingbi/tokenizer'],
      ...['@lingbi/vision', '@lingbi/video'],
    ],
  },
};

const builtins = new Set(builtinModules);
const testTools = Object.keys(readManifest('.').devDependencies ?? {});

test('every library has its arrows', () => {
  const libraries = workspacePackages().filter(({ folder }) => folder.startsWith('packages/'));
  expect(libraries.filter(({ folder }) => !arrows[folder])).toEqual([]);
});

describe('imports follow the arrows between the packages', () => {
  test.each(workspacePackages())('$folder', (own) => {
    const wrong = filesBelow(`${own.folder}/src`, '.ts').flatMap((file) => wrongImports(file, own));
    expect(wrong).toEqual([]);
  });
});

describe('package.json declares no package of this repository against the arrows', () => {
  test.each(workspacePackages())('$folder', ({ folder, manifest }) => {
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    const wrong = declared.filter(
      (name) => name.startsWith('@lingbi/') && !mayImport(folder, name),
    );
    expect(wrong).toEqual([]);
  });
});

function wrongImports(file: string, own: WorkspacePackage): string[] {
  const { importedFiles } = ts.preProcessFile(readText(file), true, true);
  return importedFiles.flatMap(({ fileName }) => {
    const reason = whyWrong(fileName, file, own);
    return reason ? [`${file} → ${fileName}: ${reason}`] : [];
  });
}

function whyWrong(specifier: string, file: string, own: WorkspacePackage): string | undefined {
  if (specifier.startsWith('.')) return whyWrongFile(specifier, file, own);
  if (specifier.startsWith('node:')) return undefined;
  const name = packageName(specifier);
  if (builtins.has(name)) return `write it with its scheme, node:${specifier}`;
  if (isTest(file)) return whyWrongInTest(name, own);
  if (
    own.folder === 'packages/core' &&
    file.includes('/src/testing/') &&
    testTools.includes(name)
  ) {
    return undefined; // the test suites that core publishes for backends
  }
  if (name === own.manifest.name) return 'a package imports its own files by their path';
  if (!mayImport(own.folder, name)) return `${own.folder} may import ${allowed(own.folder)}`;
  if (!declares(own, name, ['dependencies', 'peerDependencies'])) {
    return `${own.folder}/package.json must have it under dependencies or peerDependencies`;
  }
  return undefined;
}

/** Tests may use tools, and reach into fixtures; the arrows between the packages hold for them too. */
function whyWrongInTest(name: string, own: WorkspacePackage): string | undefined {
  if (testTools.includes(name) || name === own.manifest.name) return undefined;
  if (name.startsWith('@lingbi/') && !mayImport(own.folder, name)) {
    return `${own.folder} may import ${allowed(own.folder)}`;
  }
  if (declares(own, name, ['dependencies', 'peerDependencies', 'devDependencies'])) {
    return undefined;
  }
  return `${own.folder}/package.json must have it under devDependencies`;
}

function whyWrongFile(specifier: string, file: string, own: WorkspacePackage): string | undefined {
  const path = posix.join(posix.dirname(file), specifier);
  if (path.startsWith(`${own.folder}/`)) return undefined;
  const mayRead = isTest(file) || own.folder === 'apps/bench'; // neither is published
  if (mayRead && path.startsWith('fixtures/')) return undefined;
  return `a relative import stays inside ${own.folder}`;
}

function mayImport(folder: string, name: string): boolean {
  const { own, others } = arrows[folder] ?? {};
  const list = name.startsWith('@lingbi/') ? own : others;
  return list?.includes(name) ?? true;
}

function allowed(folder: string): string {
  const { own = [], others = [] } = arrows[folder] ?? {};
  return [...own, ...others].join(', ') || 'nothing but node: modules and its own files';
}

function declares(
  { manifest }: WorkspacePackage,
  name: string,
  kinds: readonly ('dependencies' | 'peerDependencies' | 'devDependencies')[],
): boolean {
  return kinds.some((kind) => manifest[kind]?.[name] !== undefined);
}

/** Test files and what only they import: `testing.ts`, `test-support.ts` and folders named so. */
function isTest(file: string): boolean {
  return /\.test\.ts$|\/testing\.ts$|\/test-(files|support)(\.ts$|\/)/.test(file);
}

/** `@scope/name/path` → `@scope/name`. */
function packageName(specifier: string): string {
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}
