/** A process of its own that pulls: `tsx pull-in-process.ts <endpoint> <cache folder>`. */
import { pull } from '../pull.ts';
import { modelId } from './hub-server.ts';

const [endpoint, cacheFolder] = process.argv.slice(2);
const { folder } = await pull(modelId, {
  endpoint: endpoint!,
  cacheFolder: cacheFolder!,
  environment: {},
  network: { partBytes: 1_000_000, connections: 4 },
  onProgress: (event) => {
    if (event.type !== 'plan-made') console.log(JSON.stringify(event));
  },
});
console.log(JSON.stringify({ type: 'done', folder }));
