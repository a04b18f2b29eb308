/** A process of its own that converts: `tsx convert-in-process.ts <source> <out>`. */
import { convertCheckpoint } from '../convert/convert-checkpoint.ts';

const [source, out] = process.argv.slice(2);
await convertCheckpoint(source!, out!, {
  weights: 'int4',
  block: 32,
  shardBytes: 200_000,
  onProgress: ({ type }) => console.log(type),
});
