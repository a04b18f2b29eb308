import type { Picture, Size } from '../picture.ts';
import { type PackedTaps, packTaps } from './packed-taps.ts';
import type { Passes, ResizeOptions } from './resizer.ts';
import { cutStrips, type Strip } from './strips.ts';
import { resizeTaps } from './taps.ts';
import { resizeWasm } from './wasm.generated.ts';

/** The part of WebAssembly used here; its types come only with those of a whole browser. */
interface WebAssemblyApi {
  readonly validate: (bytes: Uint8Array) => boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
}

/** Grows by pages of 64 KiB; `buffer` is another one afterwards. */
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** What assembly/resize.ts exports. Addresses and strides are in bytes. */
interface Kernels {
  readonly memory: Memory;
  horizontalPass(
    source: number,
    sourceStride: number,
    target: number,
    targetStride: number,
    rows: number,
    columns: number,
    spans: number,
    weights: number,
    pairs: number,
  ): void;
  verticalPass(
    source: number,
    target: number,
    stride: number,
    rows: number,
    spans: number,
    weights: number,
    pairs: number,
  ): void;
}

/** Source bytes of a strip: a strip and what becomes of it stay in a core's second-level cache. */
const stripBytes = 1024 * 1024;

/** horizontalPass goes four rows at a time, and verticalPass reads the row after an odd last one. */
const slackRows = 4;

/** Both passes in WebAssembly, strip by strip, or undefined where the runtime has no SIMD. */
export function openWasmPasses(): Passes | undefined {
  const kernels = instantiate();
  return kernels && ((picture, size, options) => resizeInStrips(kernels, picture, size, options));
}

function instantiate(): Kernels | undefined {
  const { WebAssembly } = globalThis as { WebAssembly?: WebAssemblyApi };
  const bytes = Buffer.from(resizeWasm, 'base64');
  if (!WebAssembly?.validate(bytes)) return undefined;
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as Kernels;
}

/** Rows of bytes in the memory of the kernels. */
interface Region {
  readonly address: number;
  readonly stride: number;
}

/** Taps in the memory of the kernels. */
interface PlacedTaps {
  readonly spans: number;
  readonly weights: number;
  readonly pairs: number;
}

interface Workspace {
  readonly source: Region;
  readonly between: Region;
  readonly target: Region;
  readonly along: PlacedTaps;
  readonly down: PlacedTaps;
}

function resizeInStrips(
  kernels: Kernels,
  picture: Picture,
  size: Size,
  { filter, firstPass }: Required<ResizeOptions>,
): Picture {
  const taps = {
    along: resizeTaps(picture.width, size.width, filter),
    down: resizeTaps(picture.height, size.height, filter),
  };
  const strips = cutStrips(taps.down, Math.floor(stripBytes / strideFor(picture.width)));
  const widths = { from: picture.width, to: size.width };
  const packed = { along: packTaps(taps.along, 3), down: packTaps(taps.down, 1) };
  const workspace = layOut(kernels.memory, widths, packed, strips, firstPass);
  const { source, between, target, along, down } = workspace;
  const result = { ...size, data: new Uint8Array(size.width * size.height * 3) };
  for (const strip of strips) {
    copyIn(kernels.memory, source, picture, strip);
    if (firstPass === 'horizontal') {
      runHorizontal(kernels, source, between, strip.sourceRows, size.width, along);
      runVertical(kernels, between, target, strip, down);
    } else {
      runVertical(kernels, source, between, strip, down);
      runHorizontal(kernels, between, target, strip.rows, size.width, along);
    }
    copyOut(kernels.memory, target, result, strip);
  }
  return result;
}

/** Room for a row and the bytes that the kernels read or write past its end, in whole vectors. */
function strideFor(width: number): number {
  return Math.ceil((width * 3 + 1) / 16) * 16;
}

/** Finds a place for everything, grows the memory to hold it and writes the taps. */
function layOut(
  memory: Memory,
  widths: { from: number; to: number },
  taps: { along: PackedTaps; down: PackedTaps },
  strips: readonly Strip[],
  firstPass: 'horizontal' | 'vertical',
): Workspace {
  let end = 0;
  const take = (bytes: number): number => {
    const address = end;
    end += Math.ceil(bytes / 16) * 16;
    return address;
  };
  const region = (width: number, rows: number): Region => {
    const stride = strideFor(width);
    return { address: take(stride * (rows + slackRows)), stride };
  };
  const place = ({ spans, weights, pairs }: PackedTaps): PlacedTaps => ({
    spans: take(spans.byteLength),
    weights: take(weights.byteLength),
    pairs,
  });
  const sourceRows = strips.reduce((most, strip) => Math.max(most, strip.sourceRows), 0);
  const rows = strips.reduce((most, strip) => Math.max(most, strip.rows), 0);
  const workspace = {
    source: region(widths.from, sourceRows),
    between: firstPass === 'horizontal' ? region(widths.to, sourceRows) : region(widths.from, rows),
    target: region(widths.to, rows),
    along: place(taps.along),
    down: place(taps.down),
  };
  growTo(memory, end);
  writeTaps(memory, workspace.along, taps.along);
  writeTaps(memory, workspace.down, taps.down);
  return workspace;
}

function growTo(memory: Memory, bytes: number): void {
  const page = 65536;
  const missing = Math.ceil(bytes / page) - memory.buffer.byteLength / page;
  if (missing > 0) memory.grow(missing);
}

function writeTaps(memory: Memory, place: PlacedTaps, taps: PackedTaps): void {
  new Int32Array(memory.buffer, place.spans).set(taps.spans);
  new Int32Array(memory.buffer, place.weights).set(taps.weights);
}

function copyIn(memory: Memory, to: Region, picture: Picture, strip: Strip): void {
  const bytes = new Uint8Array(memory.buffer, to.address);
  const length = picture.width * 3;
  for (let row = 0; row < strip.sourceRows; row++) {
    const start = (strip.sourceStart + row) * length;
    bytes.set(picture.data.subarray(start, start + length), row * to.stride);
  }
}

function copyOut(memory: Memory, from: Region, result: Picture, strip: Strip): void {
  const bytes = new Uint8Array(memory.buffer, from.address);
  const length = result.width * 3;
  for (let row = 0; row < strip.rows; row++) {
    const start = row * from.stride;
    result.data.set(bytes.subarray(start, start + length), (strip.firstRow + row) * length);
  }
}

function runHorizontal(
  kernels: Kernels,
  from: Region,
  to: Region,
  rows: number,
  columns: number,
  { spans, weights, pairs }: PlacedTaps,
): void {
  const { horizontalPass } = kernels;
  horizontalPass(
    from.address,
    from.stride,
    to.address,
    to.stride,
    rows,
    columns,
    spans,
    weights,
    pairs,
  );
}

function runVertical(
  kernels: Kernels,
  from: Region,
  to: Region,
  strip: Strip,
  { spans, weights, pairs }: PlacedTaps,
): void {
  // Spans count rows from the top of the picture, of which this strip is a part.
  const top = from.address - strip.sourceStart * from.stride;
  const ownSpans = spans + strip.firstRow * 8;
  const ownWeights = weights + strip.firstRow * pairs * 8;
  kernels.verticalPass(top, to.address, from.stride, strip.rows, ownSpans, ownWeights, pairs);
}
