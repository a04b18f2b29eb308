import { DamagedPictureError } from '../errors.ts';
import type { Reading } from '../reading.ts';
import type { ByteReader } from './byte-reader.ts';
import { subBlocks } from './sub-blocks.ts';

const mostCodes = 4096;

/** What a code stands for: the sequence of an earlier code, and one index more. */
interface Dictionary {
  readonly before: Uint16Array;
  readonly last: Uint8Array;
  readonly first: Uint8Array;
  readonly lengths: Uint16Array;
}

/**
 * Unpacks exactly `count` indices of a GIF frame. Work is bounded by `count`: what follows is not read.
 *
 * @throws DamagedPictureError when the data ends early or names a code that does not exist yet.
 */
export function decodeLzw(file: ByteReader, count: number, reading: Reading): Uint8Array {
  const rootBits = file.uint8();
  if (rootBits < 1 || rootBits > 11) throw damaged(reading, `codes of ${rootBits} bits`);
  const clear = 1 << rootBits;
  const dictionary = openDictionary(clear);
  const indices = new Uint8Array(count);
  let filled = 0;
  let next = clear + 2;
  let bits = rootBits + 1;
  let previous = -1;
  const codes = readCodes(file);
  while (filled < count) {
    const code = codes(bits);
    if (code === undefined || code === clear + 1) {
      throw damaged(reading, `its frame breaks off after ${filled} of ${count} pixels`);
    }
    if (code === clear) {
      next = clear + 2;
      bits = rootBits + 1;
      previous = -1;
      continue;
    }
    if (code > next || (code === next && previous < 0)) {
      throw damaged(reading, `code ${code} comes before it is defined`);
    }
    if (previous >= 0 && next < mostCodes) {
      define(dictionary, next, previous, dictionary.first[code === next ? previous : code]!);
      next++;
      if (next === 1 << bits && bits < 12) bits++;
    }
    filled = write(dictionary, code, indices, filled);
    previous = code;
  }
  return indices;
}

function openDictionary(roots: number): Dictionary {
  const dictionary = {
    before: new Uint16Array(mostCodes),
    last: new Uint8Array(mostCodes),
    first: new Uint8Array(mostCodes),
    lengths: new Uint16Array(mostCodes),
  };
  for (let code = 0; code < roots; code++) {
    dictionary.last[code] = code;
    dictionary.first[code] = code;
    dictionary.lengths[code] = 1;
  }
  return dictionary;
}

function define(
  { before, last, first, lengths }: Dictionary,
  code: number,
  previous: number,
  index: number,
): void {
  before[code] = previous;
  last[code] = index;
  first[code] = first[previous]!;
  lengths[code] = lengths[previous]! + 1;
}

/** Writes a sequence back to front; what does not fit is dropped. Returns where the next one starts. */
function write(
  { before, last, lengths }: Dictionary,
  code: number,
  into: Uint8Array,
  start: number,
): number {
  const end = start + lengths[code]!;
  for (let at = end - 1; at >= start; at--) {
    if (at < into.length) into[at] = last[code]!;
    code = before[code]!;
  }
  return Math.min(end, into.length);
}

/** Codes of any width out of the sub-blocks, lowest bit first; undefined at their end. */
function readCodes(file: ByteReader): (bits: number) => number | undefined {
  const blocks = subBlocks(file);
  let block: Uint8Array = new Uint8Array();
  let position = 0;
  let held = 0;
  let heldBits = 0;
  return (bits) => {
    while (heldBits < bits) {
      if (position === block.length) {
        const { done, value } = blocks.next();
        if (done) return undefined;
        block = value;
        position = 0;
      }
      held |= block[position++]! << heldBits;
      heldBits += 8;
    }
    const code = held & ((1 << bits) - 1);
    held >>= bits;
    heldBits -= bits;
    return code;
  };
}

function damaged(reading: Reading, problem: string): DamagedPictureError {
  return new DamagedPictureError(reading.name, 'GIF', problem);
}
