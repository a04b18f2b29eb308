// One command checks everything, here as in review: `pnpm ok`. Goes on after a failure, so that one
// run tells all there is to mend.
import { spawn } from 'node:child_process';
import { styleText } from 'node:util';
import { root } from './workspace.ts';

interface Check {
  readonly name: string;
  readonly command: readonly string[];
}

const vitest = ['vitest', 'run', '--reporter=default'];
const ownTests = ['scripts/import-directions.test.ts', 'scripts/examples.test.ts'];
const checks: readonly Check[] = [
  { name: 'format and lint', command: ['biome', 'check', '.'] },
  { name: 'types', command: ['tsc', '-p', 'tsconfig.json'] },
  { name: 'change notes', command: ['changeset', 'status'] },
  { name: 'unused files, exports, dependencies', command: ['knip', '--no-config-hints'] },
  { name: 'import directions', command: [...vitest, 'scripts/import-directions.test.ts'] },
  { name: 'tests', command: [...vitest, ...ownTests.map((file) => `--exclude=${file}`)] },
  { name: 'examples of READMEs and docs', command: [...vitest, 'scripts/examples.test.ts'] },
  { name: 'build', command: ['turbo', 'run', 'build', '--output-logs=errors-only'] },
  {
    name: 'packages as published',
    command: ['tsx', '--conditions=lingbi:source', 'scripts/check-packages.ts'],
  },
];

const failed: string[] = [];
for (const check of checks) if (!(await passes(check))) failed.push(check.name);
console.log(failed.length === 0 ? '\nAll is well.' : `\nTo mend: ${failed.join('; ')}.`);
process.exitCode = failed.length === 0 ? 0 : 1;

async function passes({ name, command }: Check): Promise<boolean> {
  const start = performance.now();
  const { code, output } = await run(command);
  const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(6);
  const verdict = code === 0 ? styleText('green', 'ok    ') : styleText('red', 'FAILED');
  console.log(`${verdict} ${seconds} s  ${name}`);
  if (code !== 0) console.log(`\n$ ${command.join(' ')}\n${output.trim()}\n`);
  return code === 0;
}

/** The tools are found by name: a package manager puts those of the repository on the path. */
function run([program, ...options]: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program!, options, {
      cwd: root,
      env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    let output = '';
    const keep = (chunk: Buffer) => {
      output += chunk;
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
