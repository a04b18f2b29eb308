// Runs a command of the monorepo on a machine that has only Node and npm: installs what is missing,
// then hands over. Plain JavaScript without dependencies, for it runs before there are any.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const packageManager = manifest.packageManager;

const typescript = ['--import', 'tsx', '--conditions=lingbi:source'];
/** What runs under each name; everything is started from the root of the repository. */
const commands = {
  test: [process.execPath, 'node_modules/vitest/vitest.mjs', 'run'],
  demo: [process.execPath, ...typescript, 'apps/cli/src/demo.ts'],
  lingbi: [process.execPath, ...typescript, 'apps/cli/src/main.ts'],
  bench: [process.execPath, ...typescript, 'apps/bench/src/main.ts'],
  // turbo calls pnpm by its name, which npx provides to a machine that has none.
  ok: ['npx', '--yes', packageManager, 'exec', 'node', ...typescript, 'scripts/ok.ts'],
};

const [name, ...options] = process.argv.slice(2);
const command = commands[name];
if (!command) {
  stop(`There is no command "${name}": choose one of ${Object.keys(commands).join(', ')}.`);
}
checkNode();
installWhenNeeded();
process.exit(run([...command, ...options]));

function checkNode() {
  const wanted = manifest.engines.node.replace('>=', '');
  const [major, minor] = wanted.split('.').map(Number);
  const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number);
  if (ownMajor > major || (ownMajor === major && ownMinor >= minor)) return;
  stop(
    `lingbi needs Node ${wanted} or newer, and this is ${process.versions.node}.\n` +
      'Install a newer one from https://nodejs.org (or with "nvm install 22"), then run this again.',
  );
}

/** The stamp says for which lock file everything is in place, so that later runs need no network. */
function installWhenNeeded() {
  const stamp = join(root, 'node_modules', '.lingbi-setup');
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .digest('hex');
  if (readStamp(stamp) === lock) return;
  console.error('Installing the dependencies; later runs skip this and need no network.');
  const status = run(['npx', '--yes', packageManager, 'install', '--frozen-lockfile'], {
    ...withoutNpmRun(process.env),
    CI: 'true', // asks nothing, also where nobody can answer
  });
  if (status !== 0) {
    stop(
      'The dependencies could not be installed; the lines above say why.\n' +
        'Without a network, or behind a proxy: see "npm config get registry" and "npm config get proxy".',
    );
  }
  writeFileSync(stamp, lock);
}

function readStamp(stamp) {
  try {
    return readFileSync(stamp, 'utf8');
  } catch {
    return undefined;
  }
}

/** `npm run` describes itself to its children; another package manager would take that for settings. */
function withoutNpmRun(env) {
  const own =
    /^npm_(package_|lifecycle_|config_(local_|global_)?prefix$|config_npm_version$|config_user_agent$)/i;
  return Object.fromEntries(Object.entries(env).filter(([key]) => !own.test(key)));
}

function run([program, ...programOptions], env = process.env) {
  const { status, error } = spawnSync(program, programOptions, {
    cwd: root,
    env,
    stdio: 'inherit',
    shell: process.platform === 'win32' && program === 'npx', // npx is a .cmd file there
  });
  if (error) stop(`${program} could not be started: ${error.message}`);
  return status ?? 1; // stopped by a signal
}

function stop(message) {
  console.error(message);
  process.exit(1);
}
