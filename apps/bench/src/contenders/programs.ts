/** Who takes part, with what weights. */
import type { SynthOptions, SynthShape } from '@lingbi/hub';
import { synthShapes } from '@lingbi/hub';
import type { ContenderProgram } from './contender.ts';
import type { GgufEncoding } from './gguf.ts';
import { installPeer, nodeLlamaCpp, transformers } from './install.ts';
import { transformersFolder } from './transformers-folder.ts';
import { type Encoding, ggufFile, synthFolder } from './weights.ts';

/** As many as the goals of decode are set for, and as the machines of the tables have. */
export const THREADS = 2;

export async function lingbiProgram(
  shape: SynthShape,
  encoding: Encoding,
  capacity: number,
  vision?: SynthOptions['vision'],
): Promise<ContenderProgram> {
  const model = await synthFolder(shape, encoding, vision);
  const name = `lingbi ${vision ? `vision ${vision}` : encoding}`;
  return { name, program: './lingbi.ts', opening: { model, threads: THREADS, capacity } };
}

export async function llamaProgram(
  shape: SynthShape,
  encoding: GgufEncoding,
  capacity: number,
): Promise<ContenderProgram> {
  const packages = await installPeer(nodeLlamaCpp);
  const opening = { model: ggufFile(shape, encoding), threads: THREADS, capacity, packages };
  return { name: `llama.cpp ${encoding}`, program: './node-llama-cpp.ts', opening };
}

export async function transformersProgram(
  shape: SynthShape,
  encoding: Encoding,
  capacity: number,
): Promise<ContenderProgram> {
  const packages = await installPeer(transformers);
  const model = await transformersFolder(shape, await synthFolder(shape, encoding));
  const opening = { model, threads: THREADS, capacity, packages };
  return { name: `transformers.js ${encoding}`, program: './transformers.ts', opening };
}

/** Keys and values in int8: a quarter of what is read of the past for every token. */
export function withInt8Cache({ name, opening, ...rest }: ContenderProgram): ContenderProgram {
  return { ...rest, name: `${name} with int8 cache`, opening: { ...opening, kv: 'int8' } };
}

/**
 * glibc asks for pages of 2 MiB, where the system gives them on request (a setting of Linux), and weights are read
 * into memory of the process instead of being mapped.
 */
export function withHugePages({ name, opening, ...rest }: ContenderProgram): ContenderProgram {
  const environment = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' };
  const own = { ...opening, mapWeights: false };
  return { ...rest, name: `${name} in huge pages`, opening: own, environment };
}

/** @throws RangeError when no shape has this name. */
export function shapeNamed(name = 'internlm2-1.8b'): SynthShape {
  if (Object.hasOwn(synthShapes, name)) return name as SynthShape;
  throw new RangeError(
    `There is no shape "${name}": choose ${Object.keys(synthShapes).join(', ')}`,
  );
}

/** Our encoding, and what runs side by side with it. */
export interface Rivals {
  readonly own: Encoding;
  /** With as many bits. */
  readonly llama: GgufEncoding;
  /** Whether transformers.js takes part, on the same weights. */
  readonly transformers: boolean;
}

export const rivals: readonly Rivals[] = [
  { own: 'int4-128', llama: 'Q4_0', transformers: true },
  { own: 'int4-32', llama: 'Q4_0', transformers: false },
  { own: 'int8-128', llama: 'Q8_0', transformers: false },
];
