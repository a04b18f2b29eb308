/** Random weights in the formats of all contenders, written once into the cache. */
import { existsSync, mkdirSync } from 'node:fs';
import { type SynthOptions, type SynthShape, synthCheckpoint, synthShapes } from '@lingbi/hub';
import { type GgufEncoding, writeGguf } from './gguf.ts';
import { cacheFolder } from './install.ts';

/** Goes up when `synthCheckpoint` writes other bytes: what was written before is not measured then. */
const VERSION = 3;

/** How a decoder's matrices are stored: bits and numbers that share a scale. */
export type Encoding = 'int4-128' | 'int4-32' | 'int8-128' | 'int8-32' | 'f32';

export async function synthFolder(
  shape: SynthShape,
  encoding: Encoding,
  vision: SynthOptions['vision'] = 'none',
): Promise<string> {
  const tower = vision === 'none' ? '' : `-vision-${vision}`;
  const folder = weightsFile(`${shape}-${encoding}${tower}-v${VERSION}`);
  if (existsSync(folder)) return folder;
  const [weights, block] = encoding.split('-') as [SynthOptions['weights'], string?];
  const options = { shape, weights, vision } as const;
  await synthCheckpoint(folder, block ? { ...options, block: Number(block) as 32 | 128 } : options);
  return folder;
}

export function ggufFile(shape: SynthShape, encoding: GgufEncoding): string {
  const file = weightsFile(`${shape}-${encoding}.gguf`);
  if (!existsSync(file)) writeGguf(file, synthShapes[shape], encoding);
  return file;
}

function weightsFile(name: string): string {
  mkdirSync(cacheFolder('weights'), { recursive: true });
  return cacheFolder('weights', name);
}
