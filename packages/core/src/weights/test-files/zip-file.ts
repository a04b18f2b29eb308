/** Writes zip files for tests: stored entries, or what they should not be. */
export interface ZipEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly method?: number;
  readonly flags?: number;
  /** What the directory claims, when that is not the truth. */
  readonly claimed?: { readonly length?: number; readonly offset?: number };
}

export interface ZipOptions {
  /** Every length and place in the directory as a ZIP64 field. */
  readonly zip64?: boolean;
  readonly comment?: string;
  /** Added to every place in the directory, for files with something in front of the zip. */
  readonly shift?: number;
}

export function zipFile(entries: readonly ZipEntry[], options: ZipOptions = {}): Uint8Array {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = options.shift ?? 0;
  for (const entry of entries) {
    const local = Buffer.concat([localHeader(entry), entry.bytes]);
    directory.push(centralHeader(entry, offset, options.zip64 ?? false));
    parts.push(local);
    offset += local.length;
  }
  const listed = Buffer.concat(directory);
  const end = endRecords(entries.length, listed.length, offset, options);
  return Uint8Array.from(Buffer.concat([...parts, listed, ...end]));
}

function localHeader({ name, bytes, method = 0, flags = 0 }: ZipEntry): Buffer {
  const nameBytes = Buffer.from(name);
  const padding = Buffer.alloc(5); // an extra field the directory does not have, as PyTorch's padding
  return Buffer.concat([
    numbers([4, 0x04034b50], [2, 20], [2, flags], [2, method], [4, 0], [4, 0]),
    numbers([4, bytes.length], [4, bytes.length], [2, nameBytes.length], [2, padding.length]),
    nameBytes,
    padding,
  ]);
}

function centralHeader(entry: ZipEntry, place: number, zip64: boolean): Buffer {
  const { name, bytes, method = 0, flags = 0, claimed } = entry;
  const length = claimed?.length ?? bytes.length;
  const offset = claimed?.offset ?? place;
  const nameBytes = Buffer.from(name);
  const extra = zip64
    ? numbers([2, 1], [2, 24], [8, length], [8, length], [8, offset])
    : Buffer.alloc(0);
  const narrow = (value: number) => (zip64 ? 0xffffffff : value);
  return Buffer.concat([
    numbers([4, 0x02014b50], [2, 20], [2, 20], [2, flags], [2, method], [4, 0], [4, 0]),
    numbers([4, narrow(length)], [4, narrow(length)], [2, nameBytes.length], [2, extra.length]),
    numbers([2, 0], [2, 0], [2, 0], [4, 0], [4, narrow(offset)]),
    nameBytes,
    extra,
  ]);
}

function endRecords(
  count: number,
  length: number,
  offset: number,
  { zip64 = false, comment = '' }: ZipOptions,
): Buffer[] {
  const commentBytes = Buffer.from(comment);
  const wide = [
    numbers([4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0]),
    numbers([8, count], [8, count], [8, length], [8, offset]),
    numbers([4, 0x07064b50], [4, 0], [8, offset + length], [4, 1]),
  ];
  const [entries, bytes, start] = zip64
    ? [0xffff, 0xffffffff, 0xffffffff]
    : [count, length, offset];
  const end = numbers(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, entries!],
    [2, entries!],
    [4, bytes!],
    [4, start!],
  );
  return [...(zip64 ? wide : []), end, numbers([2, commentBytes.length]), commentBytes];
}

/** Little-endian numbers, each with its width in bytes. */
function numbers(...fields: readonly (readonly [width: 2 | 4 | 8, value: number])[]): Buffer {
  const buffers = fields.map(([width, value]) => {
    const buffer = Buffer.alloc(width);
    if (width === 8) buffer.writeBigUInt64LE(BigInt(value));
    else buffer.writeUIntLE(value, 0, width);
    return buffer;
  });
  return Buffer.concat(buffers);
}
