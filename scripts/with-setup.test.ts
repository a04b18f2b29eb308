import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

// A repository of which only what the script needs is there, and a "tsx" that is the command itself.
// It says what it was given; with "wait" it waits for Ctrl+C, and takes its time then.
const root = realpathSync(mkdtempSync(join(tmpdir(), 'lingbi-setup-')));
const command = `
  const { env, argv } = process;
  console.log(JSON.stringify({ cwd: process.cwd(), argv, cache: env.npm_config_cache, data: env.XDG_DATA_HOME }));
  if (!argv.includes('wait')) process.exit(7);
  process.on('SIGINT', () => setTimeout(() => process.exit(130), 50));
  await new Promise((waited) => setTimeout(waited, 10_000));
`;
write(
  'package.json',
  '{ "type": "module", "packageManager": "pnpm@0", "engines": { "node": ">=20.0" } }',
);
write('pnpm-lock.yaml', 'the lock');
write('node_modules/.pnpm/lock.yaml', 'the lock');
write('node_modules/tsx/dist/loader.mjs', command);
write('apps/cli/src/main.ts', '');
write('elsewhere/picture.jpg', '');
const script = join(root, 'scripts', 'with-setup.mjs');
mkdirSync(join(root, 'scripts'));
copyFileSync(fileURLToPath(new URL('with-setup.mjs', import.meta.url)), script);
afterAll(() => rmSync(root, { recursive: true }));

test('what pnpm install has put in place is not installed again', async () => {
  const { said, status } = await run(['lingbi', '--help'], { PATH: '' }); // there is no npx
  expect(said.argv).toEqual([process.execPath, join(root, 'apps/cli/src/main.ts'), '--help']);
  expect(status).toBe(7);
});

test('paths are relative to where the user stands', async () => {
  const elsewhere = join(root, 'elsewhere');
  expect((await run(['lingbi'], { INIT_CWD: elsewhere })).said.cwd).toBe(elsewhere);
  expect((await run(['demo'], { INIT_CWD: elsewhere })).said.cwd).toBe(root);
});

test('without a writable cache, everything is cached inside of the repository', async () => {
  const { said } = await run(['lingbi'], { npm_config_cache: join(script, 'no folder') });
  const home = join(root, 'node_modules', '.cache', 'home');
  expect(said).toMatchObject({ cache: join(home, 'npm'), data: join(home, 'data') });
  const own = join(root, 'own cache');
  expect((await run(['lingbi'], { npm_config_cache: own })).said.cache).toBe(own);
});

test.skipIf(process.platform === 'win32')('Ctrl+C is left to the command to answer', async () => {
  const child = start(['lingbi', 'wait']);
  await once(child.stdout!, 'data');
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([130, null]);
});

interface Said {
  readonly cwd: string;
  readonly argv: readonly string[];
  readonly cache?: string;
  readonly data?: string;
}

async function run(options: readonly string[], env: NodeJS.ProcessEnv) {
  const child = start(options, env);
  const [output, [status]] = await Promise.all([text(child.stdout!), once(child, 'exit')]);
  return { said: JSON.parse(output) as Said, status: status as number };
}

function start(options: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, [script, ...options], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function write(name: string, content: string): void {
  const file = join(root, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, content);
}
