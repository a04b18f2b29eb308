/** Who takes part, with what weights. */
import { missingKernels } from '@lingbi/backend-onnx';
import type { SynthOptions, SynthShape } from '@lingbi/hub';
import { synthShapes } from '@lingbi/hub';
import type { ContenderProgram, Opening } from './contender.ts';
import type { GgufEncoding } from './gguf.ts';
import { installPeer, nodeLlamaCpp, transformers } from './install.ts';
import { transformersFolder } from './transformers-folder.ts';
import { type Encoding, ggufFile, synthFolder } from './weights.ts';

/** As many as the goals of decode are set for, and as the machines of the tables have. */
export const THREADS = 2;

/** Its weights have moved into large pages before it is ready: later that would disturb those whose turn it is then. */
export async function lingbiProgram(
  shape: SynthShape,
  encoding: Encoding,
  capacity: number,
  vision?: SynthOptions['vision'],
): Promise<ContenderProgram> {
  const model = await synthFolder(shape, encoding, vision);
  const name = `lingbi ${vision ? `vision ${vision}` : encoding}`;
  const pages = missingKernels() ? {} : ({ largePages: 'first' } as const); // nothing moves for others
  const opening = { model, threads: THREADS, capacity, ...pages };
  return { name, program: './lingbi.ts', opening };
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

/** Keys and values in another format than float16, which llama.cpp has as well. */
export function withCache(
  kv: NonNullable<Opening['kv']>,
  { name, opening, ...rest }: ContenderProgram,
): ContenderProgram {
  return { ...rest, name: `${name} with ${kv} cache`, opening: { ...opening, kv } };
}

/** As anybody opens a model: weights move into large pages while it answers. Not for contenders that take turns. */
export function withoutWaiting({ name, opening, ...rest }: ContenderProgram): ContenderProgram {
  const { largePages: _, ...usual } = opening;
  return { ...rest, name: `${name} at once`, opening: usual };
}

/** Weights stay in their file, in the pages of the system's cache. */
export function withMappedWeights({ name, opening, ...rest }: ContenderProgram): ContenderProgram {
  return { ...rest, name: `${name} mapped`, opening: { ...opening, largePages: 'never' } };
}

/**
 * Whatever it is: glibc asks for pages of 2 MiB, where the system gives them on request (a setting of Linux), and
 * a peer reads its weights into memory of the process instead of mapping them.
 */
export function withHugePages({ name, opening, ...rest }: ContenderProgram): ContenderProgram {
  const environment = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' };
  const own = { ...opening, useMmap: false };
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
  /**
   * Whether transformers.js takes part, on the same weights. In 8 bits it does not: MatMulNBits of ONNX Runtime 1.30
   * took a second a token there, so that a bench of minutes would say nothing else.
   */
  readonly transformers: boolean;
}

export const rivals: readonly Rivals[] = [
  { own: 'int4-128', llama: 'Q4_0', transformers: true },
  { own: 'int4-32', llama: 'Q4_0', transformers: true },
  { own: 'int8-128', llama: 'Q8_0', transformers: false },
];
