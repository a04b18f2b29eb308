import { CheckpointError, quoted } from '../errors.ts';
import { entriesOf, parseJsonObject } from '../json-object.ts';
import type { CheckpointLimits } from '../limits.ts';
import type { RandomAccessFile } from '../random-access-file.ts';
import { countBytes } from '../stored-dtype.ts';
import { type TensorPlace, type TensorPlaces, unsupportedFormat } from '../tensor-place.ts';
import { DTYPES } from './dtypes.ts';

/** The header's length comes first: 8 bytes, little-endian. */
const LENGTH_BYTES = 8;

// As in PyTorch. The format has no limit of its own.
const MAX_DIMENSIONS = 64;

/** What the header says of one tensor, before it is compared with the file. */
interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** In bytes from the end of the header. */
  readonly start: number;
  readonly end: number;
}

/**
 * Reads the header of a safetensors file, and nothing else, and checks all it says: the ranges of
 * the tensors must follow each other without hole or overlap from the header to the end of the file,
 * as the format asks.
 *
 * @throws CheckpointError
 */
export async function readSafetensorsHeader(
  file: RandomAccessFile,
  limits: CheckpointLimits,
  signal?: AbortSignal,
): Promise<TensorPlaces> {
  const headerBytes = await readHeaderLength(file, limits, signal);
  const header = await file.read(LENGTH_BYTES, headerBytes, signal);
  const json = parseJsonObject(header, file.path, limits);
  json.delete('__metadata__');
  const entries = [...json].map(([name, value]) => parseEntry(name, value, file.path));
  const dataStart = LENGTH_BYTES + headerBytes;
  checkCoverage(entries, file.size - dataStart, file);
  return new Map(entries.map((entry) => [entry.name, placeOf(entry, dataStart, file.path)]));
}

async function readHeaderLength(
  file: RandomAccessFile,
  limits: CheckpointLimits,
  signal?: AbortSignal,
): Promise<number> {
  const bytes = await file.read(0, LENGTH_BYTES, signal);
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  if (length > limits.headerBytes) {
    throw new CheckpointError(
      'over-limit',
      `its header claims ${length} bytes, the limit headerBytes is ${limits.headerBytes}. ` +
        'Is it a safetensors file?',
      { file: file.path },
    );
  }
  if (LENGTH_BYTES + length > file.size) {
    throw new CheckpointError(
      'truncated',
      `its header takes ${length} bytes, but the file has only ${file.size}. ${file.remedy}`,
      { file: file.path },
    );
  }
  return length;
}

function parseEntry(name: string, value: unknown, file: string): Entry {
  const fields = entriesOf(value);
  const dtype = fields?.get('dtype');
  const shape = fields?.get('shape');
  const offsets = fields?.get('data_offsets');
  const where = { file, tensor: name };
  if (typeof dtype !== 'string') throw malformed('its dtype is not a string', where);
  if (!isCounts(shape) || shape.length > MAX_DIMENSIONS) {
    throw malformed(`its shape is not a list of up to ${MAX_DIMENSIONS} whole numbers`, where);
  }
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw malformed('its data_offsets are not [start, end]', where);
  }
  return { name, dtype, shape, start: offsets[0]!, end: offsets[1]! };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function checkCoverage(
  entries: readonly Entry[],
  dataBytes: number,
  { path: file, remedy }: RandomAccessFile,
): void {
  let covered = 0;
  for (const entry of entries.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    const where = { file, tensor: entry.name };
    if (entry.end > dataBytes) {
      throw new CheckpointError(
        'truncated',
        `it ends at byte ${entry.end} of the data, of which the file has ${dataBytes}. ${remedy}`,
        where,
      );
    }
    if (entry.start < covered) throw malformed('it overlaps another tensor', where);
    if (entry.start > covered) {
      throw malformed(`a hole of ${entry.start - covered} bytes precedes it`, where);
    }
    covered = entry.end;
  }
  if (covered !== dataBytes) {
    throw malformed(`${dataBytes - covered} bytes at its end belong to no tensor`, { file });
  }
}

function placeOf(entry: Entry, dataStart: number, file: string): TensorPlace {
  const { name, shape, start, end } = entry;
  const dtype = DTYPES.get(entry.dtype);
  if (!dtype) return unsupportedFormat(entry.dtype, file);
  const needed = countBytes(dtype, shape);
  if (end - start !== needed) {
    const claim = `${quoted(entry.dtype)} of shape [${shape}] needs ${needed} bytes`;
    throw malformed(`${claim}, its data_offsets hold ${end - start}`, { file, tensor: name });
  }
  return {
    kind: 'contiguous',
    dtype,
    shape,
    at: { file, offset: dataStart + start, length: needed },
  };
}

function malformed(detail: string, where: { file: string; tensor?: string }): CheckpointError {
  return new CheckpointError('malformed', detail, where);
}
