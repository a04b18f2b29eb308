// Packs every package as a release would and checks what a user then gets: the files, the exports,
// the types, and that plain Node can import it. Needs a build first.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Manifest, root, type WorkspacePackage, workspacePackages } from './workspace.ts';

// pnpm adds the LICENSE of the repository only to a package that has no file of such a name.
const licenceHint = ': beside a LICENSE-… of its own a package needs a copy of the one at the root';

const published = workspacePackages().filter(({ manifest }) => !manifest.private);
const folder = mkdtempSync(join(tmpdir(), 'lingbi-packages-'));
const faults: string[] = [];
try {
  for (const own of published) faults.push(...checkPackage(own));
  faults.push(...checkPlainNode());
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;

function checkPackage(own: WorkspacePackage): string[] {
  const tarball = pack(own);
  const installed = install(own, tarball);
  const manifest: Manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  const found = [...checkFiles(installed, manifest), ...checkManifest(manifest)];
  return [
    ...found.map((fault) => `${own.manifest.name}: ${fault}`),
    ...tool(['publint', 'run', tarball, '--strict']),
    // A command has no types; a library is for import only, on purpose.
    ...(manifest.exports ? tool(['attw', tarball, '--profile', 'esm-only', '--no-emoji']) : []),
  ];
}

function pack({ folder: source, manifest }: WorkspacePackage): string {
  const into = join(folder, 'tarballs', manifest.name);
  must(['pnpm', 'pack', '--pack-destination', into], join(root, source));
  return join(into, readdirSync(into)[0]!);
}

/** Unpacks the tarball where `npm install` would, each with its own dependencies and no others. */
function install({ folder: source, manifest }: WorkspacePackage, tarball: string): string {
  const target = join(folder, 'node_modules', manifest.name);
  mkdirSync(target, { recursive: true });
  must(['tar', '-xzf', tarball, '-C', target, '--strip-components=1']);
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) {
    const original = join(root, source, 'node_modules', name);
    if (name.startsWith('@lingbi/') || !existsSync(original)) continue;
    const link = join(target, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(realpathSync(original), link, 'junction');
  }
  return target;
}

function checkFiles(installed: string, manifest: Manifest): string[] {
  const files = filesIn(installed);
  const required = ['README.md', 'LICENSE', ...entryFiles(manifest)];
  // LICENSE-…: of a font or the like that the package brings.
  // native, prebuilt: C, and what it was compiled to.
  const allowed =
    /^(package\.json|README\.md|LICENSE(-[\w.]+)?|dist\/.+|native\/[\w-]+\.[ch]|prebuilt\/.+\.(so|json))$/;
  const named = manifest.files ?? [];
  return [
    ...required
      .filter((file) => !files.includes(file))
      .map((file) => `${file} is not packed${file === 'LICENSE' ? licenceHint : ''}`),
    ...named
      .filter((name) => !files.some((file) => file === name || file.startsWith(`${name}/`)))
      .map((name) => `${name} is named in "files", but there is none`),
    ...files
      .filter((file) => !allowed.test(file) || file.includes('.test.'))
      .map((file) => `${file} should not be packed`),
  ];
}

function checkManifest(manifest: Manifest): string[] {
  const text = JSON.stringify(manifest);
  return ['lingbi:source', 'workspace:']
    .filter((word) => text.includes(word))
    .map((word) => `the packed package.json still says "${word}"`);
}

/** What `exports` and `bin` point to, `dist/index.js`. */
function entryFiles({ exports = {}, bin = {} }: Manifest): string[] {
  const targets = Object.values(exports).flatMap((target) => Object.values(target as object));
  return [...targets, ...Object.values(bin)].map((file: string) => file.replace(/^\.\//, ''));
}

/** Everything is imported in a project that knows nothing of TypeScript or of this repository. */
function checkPlainNode(): string[] {
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const libraries = published.filter(({ manifest }) => manifest.exports);
  const programs = published.flatMap(({ manifest }) =>
    Object.values(manifest.bin ?? {}).map((file) => join('node_modules', manifest.name, file)),
  );
  return [
    ...libraries.flatMap(({ manifest: { name } }) =>
      tool(['node', '--input-type=module', '--eval', `await import('${name}')`], folder),
    ),
    ...programs.flatMap((file) => tool(['node', file, '--help'], folder)),
  ];
}

function filesIn(path: string): string[] {
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules') return [];
    if (!entry.isDirectory()) return [entry.name];
    return filesIn(join(path, entry.name)).map((file) => `${entry.name}/${file}`);
  });
}

/** What a tool has to say, when it is not content. */
function tool(command: readonly string[], cwd: string = root): string[] {
  const { status, output } = start(command, cwd);
  return status === 0 ? [] : [`$ ${command.join(' ')}\n${output}`];
}

function must(command: readonly string[], cwd: string = root): void {
  const { status, output } = start(command, cwd);
  if (status !== 0) throw new Error(`${command.join(' ')} failed in ${cwd}:\n${output}`);
}

function start([program, ...options]: readonly string[], cwd: string) {
  const { status, stdout, stderr, error } = spawnSync(program!, options, {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32' && program !== 'node' && program !== 'tar',
  });
  return { status, output: `${error?.message ?? ''}${stdout}${stderr}` };
}
