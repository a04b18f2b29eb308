// Runs a command of the monorepo on a machine that has only Node and npm: installs what is missing,
// then hands over. Plain JavaScript without dependencies, for it runs before there are any.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir, constants as osConstants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const packageManager = manifest.packageManager;

// A URL: what stands after --import is looked up from the folder that the user stands in.
const tsx = pathToFileURL(join(root, 'node_modules/tsx/dist/loader.mjs')).href;
const typescript = ['--import', tsx, '--conditions=lingbi:source'];
/** What runs under each name, and where: paths that users give are relative to where they stand. */
const commands = {
  test: [process.execPath, 'node_modules/vitest/vitest.mjs', 'run'],
  demo: [process.execPath, ...typescript, 'apps/cli/src/demo.ts'],
  lingbi: [process.execPath, ...typescript, join(root, 'apps/cli/src/main.ts')],
  bench: [process.execPath, ...typescript, join(root, 'apps/bench/src/main.ts')],
  // The native engine of TensorFlow.js, for the tests that need it.
  'tfjs-binding': ['sh', 'packages/backend-tfjs/scripts/build-binding.sh'],
  // turbo calls pnpm by its name, which npx provides to a machine that has none.
  ok: ['npx', '--yes', packageManager, 'exec', 'node', ...typescript, 'scripts/ok.ts'],
};

const takesPaths = ['lingbi', 'bench'];
let interrupted = false;

const [name, ...options] = process.argv.slice(2);
const command = commands[name];
if (!command) {
  stop(`There is no command "${name}": choose one of ${Object.keys(commands).join(', ')}.`);
}
checkNode();
const env = withWritableCaches(process.env);
await installWhenNeeded();
const cwd = takesPaths.includes(name) ? (process.env.INIT_CWD ?? process.cwd()) : root;
process.exit(await run([...command, ...options], { cwd, env }));

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
async function installWhenNeeded() {
  const stamp = join(root, 'node_modules', '.lingbi-setup');
  const lockFile = readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8');
  const lock = createHash('sha256').update(lockFile).digest('hex');
  if (readIfThere(stamp) === lock) return;
  // Where somebody ran pnpm install themselves, pnpm left a copy of the lock file it followed.
  if (readIfThere(join(root, 'node_modules', '.pnpm', 'lock.yaml')) === lockFile) return;
  console.error('Installing the dependencies; later runs skip this and need no network.');
  const status = await run(['npx', '--yes', packageManager, 'install', '--frozen-lockfile'], {
    cwd: root,
    env: { ...withoutNpmRun(env), CI: 'true' }, // asks nothing, also where nobody can answer
  });
  if (interrupted) process.exit(status);
  if (status !== 0) {
    stop(
      'The dependencies could not be installed; the lines above say why.\n' +
        'Without a network, or behind a proxy: see "npm config get registry" and "npm config get proxy".',
    );
  }
  writeFileSync(stamp, lock);
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
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

/** Users without a home of their own (containers, build machines): all that is cached stays in here. */
function withWritableCaches(own) {
  if (isWritable(own.npm_config_cache ?? join(homedir(), '.npm'))) return own;
  const cache = join(root, 'node_modules', '.cache', 'home');
  return {
    ...own,
    npm_config_cache: join(cache, 'npm'),
    npm_config_store_dir: join(cache, 'pnpm-store'),
    XDG_CACHE_HOME: join(cache, 'cache'),
    XDG_CONFIG_HOME: join(cache, 'config'),
    XDG_DATA_HOME: join(cache, 'data'),
    XDG_STATE_HOME: join(cache, 'state'),
  };
}

function isWritable(folder) {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs to the end and returns the exit code: a signal is the child's to answer, and we wait for it. */
function run([program, ...programOptions], { cwd, env }) {
  const child = spawn(program, programOptions, {
    cwd,
    env,
    stdio: 'inherit',
    shell: process.platform === 'win32' && program === 'npx', // npx is a .cmd file there
  });
  const forwards = forwardSignals(child);
  return new Promise((resolve) => {
    child.on('error', (error) => stop(`${program} could not be started: ${error.message}`));
    child.on('exit', (status, signal) => {
      for (const [each, forward] of forwards) process.off(each, forward);
      resolve(status ?? 128 + osConstants.signals[signal]); // as shells say it
    });
  });
}

/**
 * A terminal sends Ctrl+C to the child as well, so only a signal to this process alone is passed on.
 * Windows knows no other than that.
 */
function forwardSignals(child) {
  const inTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
  return ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => {
    const forward = () => {
      interrupted = true;
      if (signal !== 'SIGINT' || !inTerminal) child.kill(signal);
    };
    process.on(signal, forward);
    return [signal, forward];
  });
}

function stop(message) {
  console.error(message);
  process.exit(1);
}
