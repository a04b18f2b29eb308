import { truncateSync, writeFileSync } from 'node:fs';
import { partsOf, type WeightPart, type WeightSource } from '@lingbi/core';
import type { BlockMatrix } from './block-product.ts';

/** A matrix whose bytes stand in a file, zeros unless given; nothing may read them. */
export function inFile(
  file: string,
  out: number,
  width: number,
  encoding: BlockMatrix['encoding'],
  parts?: BlockMatrix['parts'],
): WeightSource {
  const layout = [...partsOf([out, width], encoding)];
  let offset = 0;
  const at = Object.fromEntries(
    layout.map(([part, { length }]) => {
      offset += length;
      return [part, { file, offset: offset - length, length }];
    }),
  );
  writeFileSync(
    file,
    Buffer.concat(parts ? layout.map(([part]) => parts[part as WeightPart]) : []),
  );
  truncateSync(file, offset);
  return {
    has: () => true,
    describe: () => ({ shape: [out, width], encoding, at }),
    read: () => Promise.reject(new Error('was read')),
  };
}
