/** Pulls large files from a server in another process on this machine: what the code costs, not the network. */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pull } from '../src/index.ts';
import { modelId, startHub } from '../src/test-tools/hub-server.ts';

const megabytes = Number(process.argv[2] ?? 512);

if (process.send) await serve();
else await measure();

async function serve(): Promise<void> {
  const config = { path: 'config.json', content: Buffer.from('{}') };
  const weights = { path: 'model.safetensors', content: randomBytes(megabytes * 1e6), lfs: true };
  const hub = await startHub([config, weights]);
  process.send!(hub.url);
}

async function measure(): Promise<void> {
  const server = fork(fileURLToPath(import.meta.url), [String(megabytes)]);
  const [endpoint] = (await once(server, 'message')) as [string];
  const cacheFolder = await mkdtemp(join(process.cwd(), 'measured-cache-'));
  try {
    for (const connections of [1, 8, 1, 8, 1, 8])
      await measureOnce(endpoint, cacheFolder, connections);
  } finally {
    server.kill();
    await rm(cacheFolder, { recursive: true });
  }
}

async function measureOnce(endpoint: string, root: string, connections: number): Promise<void> {
  const cacheFolder = join(root, 'cache');
  const begun = performance.now();
  let arrived = begun;
  await pull(modelId, {
    endpoint,
    cacheFolder,
    network: { connections },
    onProgress: ({ type }) => {
      if (type === 'verification-started') arrived = performance.now();
    },
  });
  const done = performance.now();
  const rate = (ms: number): string => `${Math.round(megabytes / (ms / 1000))} MB/s`;
  const peak = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(
    `${connections} connections: fetched at ${rate(arrived - begun)}, hashed at ${rate(done - arrived)}, peak memory ${peak} MiB`,
  );
  await rm(cacheFolder, { recursive: true });
}
