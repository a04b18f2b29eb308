import { CheckpointError } from '../errors.ts';

/** Reads bytes from front to back. Every read is checked against the end first. */
export class ByteCursor {
  #at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #file: string;

  constructor(bytes: Uint8Array, file: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#file = file;
  }

  /** In bytes from the start. */
  get position(): number {
    return this.#at;
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  /** Eight bytes that hold a length or a place; more than a file can have is an error. */
  uint64(): number {
    const value = this.#view.getBigUint64(this.#advance(8), true);
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
    throw this.#malformed(`${value} is no length or place in a file`);
  }

  /** Big-endian, as pickles store floats. */
  float64(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  /** A view, not a copy. */
  bytes(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  text(length: number): string {
    const bytes = this.bytes(length);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (cause) {
      throw this.#malformed('a text is not UTF-8', cause);
    }
  }

  /** Up to the next line feed, which is passed over. */
  line(maxLength: number): string {
    const end = this.#bytes.subarray(this.#at, this.#at + maxLength + 1).indexOf(0x0a);
    if (end < 0) throw this.#malformed(`no line ends within ${maxLength} bytes`);
    const line = this.text(end);
    this.#at++;
    return line;
  }

  #advance(length: number): number {
    const start = this.#at;
    if (start + length > this.#bytes.length) {
      throw this.#malformed('it ends in the middle of a value');
    }
    this.#at += length;
    return start;
  }

  #malformed(detail: string, cause?: unknown): CheckpointError {
    return new CheckpointError('malformed', detail, { file: this.#file, cause });
  }
}
