/** Writes files as `torch.save` does, for tests: a pickled dictionary of tensors in a zip file. */
import { type ZipOptions, zipFile } from './zip-file.ts';

export interface TorchTensor {
  readonly name: string;
  /** `'FloatStorage'` and so on. */
  readonly storage: string;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset?: number;
  readonly bytes: Uint8Array;
  /** In numbers. */
  readonly storageLength: number;
}

export interface TorchFileOptions extends ZipOptions {
  readonly pickle?: Uint8Array;
  readonly byteOrder?: string;
}

export function torchFile(
  tensors: readonly TorchTensor[],
  options: TorchFileOptions = {},
): Uint8Array {
  return zipFile(
    [
      { name: 'model/data.pkl', bytes: options.pickle ?? statePickle(tensors) },
      { name: 'model/byteorder', bytes: Buffer.from(options.byteOrder ?? 'little') },
      ...tensors.map(({ bytes }, index) => ({ name: `model/data/${index}`, bytes })),
    ],
    options,
  );
}

export function statePickle(
  tensors: readonly TorchTensor[],
  storageKey: (index: number) => string = String,
): Uint8Array {
  const items = tensors.map(
    (tensor, index) => pickle.text(tensor.name) + rebuild(tensor, storageKey(index)),
  );
  return pickle.whole(`}(${items.join('')}u`);
}

function rebuild(
  { storage, shape, strides, offset = 0, storageLength }: TorchTensor,
  key: string,
): string {
  const id = `(${pickle.text('storage')}${pickle.global('torch', storage)}${pickle.text(key)}${pickle.text('cpu')}${pickle.int(storageLength)}tQ`;
  const view = `${pickle.int(offset)}(${shape.map(pickle.int).join('')}t(${strides.map(pickle.int).join('')}t`;
  return `${pickle.global('torch._utils', '_rebuild_tensor_v2')}(${id}${view}\x89NtR`;
}

/** Pieces of a pickle, one character a byte. */
export const pickle = {
  whole: (body: string): Uint8Array => Uint8Array.from(Buffer.from(`\x80\x02${body}.`, 'latin1')),
  text: (value: string): string => {
    const bytes = Buffer.from(value).toString('latin1');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return `X${length.toString('latin1')}${bytes}`;
  },
  int: (value: number): string => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    return `J${bytes.toString('latin1')}`;
  },
  global: (module: string, name: string): string => `c${module}\n${name}\n`,
};
