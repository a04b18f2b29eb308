import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** Prints what a worker's own environment and the native one say, after it loaded ONNX Runtime. */
const worker = `
  import { workerData } from 'node:worker_threads';
  import koffi from 'koffi';
  import { register } from 'tsx/esm/api';
  register();
  const { loadRuntime } = await import(workerData);
  loadRuntime();
  const library = koffi.load(process.platform === 'win32' ? 'ucrtbase.dll' : null);
  const getenv = library.func('const char *getenv(const char *name)');
  const name = 'ORT_DISABLE_TELEMETRY';
  console.log(JSON.stringify([process.env[name], getenv(name)]));
`;

/** Starts the worker; a process of its own, for the tests' may have loaded the library before. */
const main = `
  import { Worker } from 'node:worker_threads';
  const workerData = ${JSON.stringify(new URL('library.ts', import.meta.url).href)};
  new Worker(${JSON.stringify(worker)}, { eval: true, workerData });
`;

test('telemetry is off in the native environment too when a worker loads the library', async () => {
  const { ORT_DISABLE_TELEMETRY: _, ...env } = process.env;
  const options = ['--conditions=lingbi:source', '--input-type=module'];
  const run = promisify(execFile);
  const cwd = new URL('.', import.meta.url);
  const { stdout } = await run(process.execPath, [...options, '-e', main], { cwd, env });
  expect(JSON.parse(stdout)).toEqual(['1', '1']);
});
