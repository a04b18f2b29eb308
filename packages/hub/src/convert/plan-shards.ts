import {
  type ConvertedWeight,
  type PartLayout,
  partName,
  partsOf,
  type WeightPart,
  weightGroup,
} from '@lingbi/core';
import { encodeHeader } from './encode-header.ts';

export interface NamedWeight extends ConvertedWeight {
  readonly name: string;
}

/** Where in its file one part of a weight begins, in bytes, and how long it is. */
export interface PlacedPart {
  readonly offset: number;
  readonly length: number;
}

export interface PlacedWeight extends NamedWeight {
  readonly parts: ReadonlyMap<WeightPart, PlacedPart>;
}

/** One file of a converted checkpoint, before it is written. */
export interface Shard {
  readonly file: string;
  /** What stands before the first tensor. */
  readonly header: Uint8Array;
  /** Of the whole file. */
  readonly bytes: number;
  readonly weights: readonly PlacedWeight[];
  /** Names of its tensors. */
  readonly tensors: readonly string[];
}

/** Processors read this many bytes at a time, and their widest registers are as wide. */
const ALIGNMENT = 64;

/**
 * 256 MiB, far smaller than the format allows: an interrupted conversion does one file again, to int4 some
 * 25 s (docs/quantisation.md).
 */
const SHARD_BYTES = 2 ** 28;
/** Files of 4 GiB do not fit every file system. */
const LARGEST_FILE = 2 ** 32 - 1;

/**
 * Distributes weights over files, in their order. Parts begin at multiples of 64 bytes. What
 * `weightGroup` puts together stands together: all values, then all scales, then all zero points.
 *
 * @throws RangeError when one weight does not fit a file.
 */
export function planShards(
  weights: readonly NamedWeight[],
  shardBytes: number = SHARD_BYTES,
): Shard[] {
  const shards: NamedWeight[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const group of groupsOf(weights)) {
    const bytes = group.reduce((sum, weight) => sum + weightBytes(weight), 0);
    if (size + bytes > shardBytes) {
      shards.push([]);
      size = 0;
    }
    shards.at(-1)!.push(...group);
    size += bytes;
  }
  return shards.map((each, index) => placeShard(shardName(index, shards.length), each));
}

/** What a weight takes in a file, without the gaps between its parts. */
function weightBytes({ shape, encoding }: ConvertedWeight): number {
  return [...partsOf(shape, encoding).values()].reduce((sum, { length }) => sum + length, 0);
}

function groupsOf(weights: readonly NamedWeight[]): NamedWeight[][] {
  const groups: NamedWeight[][] = [];
  for (const weight of weights) {
    const last = groups.at(-1);
    if (last && weightGroup(last[0]!.name) === weightGroup(weight.name)) last.push(weight);
    else groups.push([weight]);
  }
  return groups;
}

function shardName(index: number, count: number): string {
  const [number, all] = [index + 1, count].map((each) => String(each).padStart(5, '0'));
  return `model-${number}-of-${all}.safetensors`;
}

interface PlacedTensor extends PartLayout {
  readonly name: string;
  readonly start: number;
}

function placeShard(file: string, weights: readonly NamedWeight[]): Shard {
  const tensors: PlacedTensor[] = [];
  let end = 0;
  const place = (name: string, layout: PartLayout) => {
    const gap = (ALIGNMENT - (end % ALIGNMENT)) % ALIGNMENT;
    if (gap > 0) {
      // The format allows no holes, so that what fills them has a name.
      tensors.push({ name: `:gap.${end}`, dtype: 'uint8', shape: [gap], length: gap, start: end });
    }
    tensors.push({ name, ...layout, start: end + gap });
    end += gap + layout.length;
  };
  for (const group of groupsOf(weights)) {
    for (const part of ['values', 'scales', 'zeroPoints'] as const) {
      for (const { name, shape, encoding } of group) {
        const layout = partsOf(shape, encoding).get(part);
        if (layout) place(partName(name, part), layout);
      }
    }
  }
  return shardOf(file, weights, tensors, end);
}

function shardOf(
  file: string,
  weights: readonly NamedWeight[],
  tensors: readonly PlacedTensor[],
  dataBytes: number,
): Shard {
  const header = encodeHeader(tensors, ALIGNMENT);
  const bytes = header.length + dataBytes;
  if (bytes > LARGEST_FILE) {
    const names = weights.map(({ name }) => name).join(', ');
    throw new RangeError(`${names} would take a file of ${bytes} bytes, more than 4 GiB`);
  }
  const starts = new Map(tensors.map(({ name, start }) => [name, start]));
  const placed = weights.map((weight): PlacedWeight => {
    const layouts = partsOf(weight.shape, weight.encoding);
    const parts = Array.from(layouts, ([part, { length }]) => {
      const offset = header.length + starts.get(partName(weight.name, part))!;
      return [part, { offset, length }] as const;
    });
    return { ...weight, parts: new Map(parts) };
  });
  const names = tensors.map(({ name }) => name).filter((name) => !name.startsWith(':gap.'));
  return { file, header, bytes, weights: placed, tensors: names };
}
