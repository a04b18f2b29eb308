import { CheckpointError, type CheckpointFault } from '../errors.ts';
import type { CheckpointLimits } from '../limits.ts';
import type { RandomAccessFile } from '../random-access-file.ts';
import type { TensorPlace, TensorPlaces } from '../tensor-place.ts';
import type { FileRange } from '../weight-source.ts';
import type { PickleDict, PickleValue } from './pickle-value.ts';
import { STORAGES } from './storages.ts';
import {
  describeTensor,
  isTensor,
  placeTensor,
  REBUILD_PARAMETER,
  REBUILD_TENSOR,
} from './tensor-view.ts';
import { isDict, unpickle } from './unpickle.ts';
import { readZipDirectory, type ZipDirectory } from './zip-directory.ts';

const ALLOWED_GLOBALS: ReadonlySet<string> = new Set([
  'collections.OrderedDict',
  REBUILD_TENSOR,
  REBUILD_PARAMETER,
  ...STORAGES.keys(),
]);

/** The four bytes every zip file that PyTorch wrote begins with. */
const ZIP_SIGNATURE = 'PK\x03\x04';

/**
 * Reads which tensors a file of `torch.save` holds: its zip directory and its pickle, which is read
 * as data and cannot run anything. Values that are no tensors are passed over; a dictionary
 * `{ state_dict: … }` is opened.
 *
 * @throws CheckpointError
 */
export async function readTorchFile(
  file: RandomAccessFile,
  limits: CheckpointLimits,
  signal?: AbortSignal,
): Promise<TensorPlaces> {
  await checkIsZip(file, signal);
  const directory = await readZipDirectory(file, limits, signal);
  const folder = findFolder(directory, file.path);
  const locate = (name: string) => directory.locate(`${folder}/${name}`, signal);
  await checkByteOrder(file, await locate('byteorder'), signal);
  const pickle = await readPickle(file, (await locate('data.pkl'))!, limits, signal);
  return placeTensors(stateDict(pickle, file.path), locate, file.path);
}

type Locate = (name: string) => Promise<FileRange | undefined>;

async function placeTensors(
  { entries }: PickleDict,
  locate: Locate,
  file: string,
): Promise<TensorPlaces> {
  const storages = new Map<string, FileRange | undefined>(); // tensors may share one
  const places = new Map<string, TensorPlace>();
  for (const [name, value] of entries) {
    if (typeof name !== 'string' || !isTensor(value)) continue;
    const tensor = describeTensor(value, { file, tensor: name });
    const { key } = tensor.storage;
    if (!storages.has(key)) storages.set(key, await locate(`data/${key}`));
    places.set(name, placeTensor(tensor, storages.get(key)));
  }
  return places;
}

async function checkIsZip(file: RandomAccessFile, signal?: AbortSignal): Promise<void> {
  const start = Buffer.from(await file.read(0, Math.min(4, file.size), signal));
  if (start.toString('latin1') === ZIP_SIGNATURE) return;
  throw start[0] === 0x80
    ? fault(
        'unsupported',
        'it is a plain pickle, as PyTorch wrote before version 1.6. Open it in PyTorch and torch.save it again',
        file.path,
      )
    : fault('malformed', 'it is not a zip file, so torch.save did not write it', file.path);
}

/** Everything in the zip stands in one folder, called as the file once was. */
function findFolder({ names }: ZipDirectory, file: string): string {
  const pickles = [...names].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length === 1) return pickles[0]!.slice(0, -'/data.pkl'.length);
  throw fault('malformed', `it has ${pickles.length} entries data.pkl instead of one`, file);
}

async function checkByteOrder(
  file: RandomAccessFile,
  entry: FileRange | undefined,
  signal?: AbortSignal,
): Promise<void> {
  if (!entry) return; // PyTorch writes it since version 2.1, and wrote little-endian before
  const start = await file.read(entry.offset, Math.min(entry.length, 16), signal);
  if (Buffer.from(start).toString('latin1').trim() === 'little') return;
  throw fault('unsupported', 'its byte order is not little. Save it on a usual machine', file.path);
}

async function readPickle(
  file: RandomAccessFile,
  { offset, length }: FileRange,
  limits: CheckpointLimits,
  signal?: AbortSignal,
): Promise<PickleValue> {
  if (length > limits.headerBytes) {
    const detail = `its pickle takes ${length} bytes, the limit headerBytes is ${limits.headerBytes}`;
    throw fault('over-limit', detail, file.path);
  }
  const bytes = await file.read(offset, length, signal);
  return unpickle(bytes, { file: file.path, allowed: ALLOWED_GLOBALS, limits });
}

function stateDict(pickle: PickleValue, file: string): PickleDict {
  if (!isDict(pickle)) {
    throw fault('unsupported', 'it holds no dictionary. Save the state_dict() of the model', file);
  }
  const inner = pickle.entries.get('state_dict');
  return isDict(inner) ? inner : pickle;
}

function fault(reason: CheckpointFault, detail: string, file: string): CheckpointError {
  return new CheckpointError(reason, detail, { file });
}
