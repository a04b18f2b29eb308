const REPLACEMENT = '\uFFFD';

/** Collects bytes and gives out text as soon as no further byte can change it. */
export interface Utf8Buffer {
  /** Adds one byte; returns the text that became certain, often empty. */
  push(byte: number): string;
  /** Returns what is left, each byte of an unfinished character as U+FFFD. */
  flush(): string;
  /** Another one that goes on from here. */
  copy(): Utf8Buffer;
}

/**
 * A UTF-8 decoder that follows SentencePiece: every byte that is not part of a valid character
 * becomes a U+FFFD of its own (the platform's TextDecoder makes one of several).
 */
export function createUtf8Buffer(held: readonly number[] = []): Utf8Buffer {
  let bytes = [...held];
  const takeCertain = (): string => {
    let text = '';
    while (bytes.length > 0) {
      const length = characterLength(bytes);
      if (length === 'unfinished') break;
      text += length === 'invalid' ? REPLACEMENT : decodeCharacter(bytes.slice(0, length));
      bytes = bytes.slice(length === 'invalid' ? 1 : length);
    }
    return text;
  };
  return {
    push(byte) {
      bytes.push(byte);
      return takeCertain();
    },
    flush() {
      let text = '';
      while (bytes.length > 0) {
        // Without its first byte the rest of an unfinished character is invalid, byte by byte.
        text += REPLACEMENT;
        bytes = bytes.slice(1);
        text += takeCertain();
      }
      return text;
    },
    copy: () => createUtf8Buffer(bytes),
  };
}

/** How many bytes the first character has, or why it is none. */
function characterLength(bytes: readonly number[]): number | 'unfinished' | 'invalid' {
  const length = lengthByFirstByte(bytes[0]!);
  if (length === undefined) return 'invalid';
  for (let place = 1; place < length; place++) {
    const byte = bytes[place];
    if (byte === undefined) return 'unfinished';
    if ((byte & 0xc0) !== 0x80) return 'invalid';
  }
  return isCharacter(codePoint(bytes, length), length) ? length : 'invalid';
}

function lengthByFirstByte(byte: number): number | undefined {
  if (byte < 0x80) return 1;
  if (byte >= 0xc0 && byte < 0xe0) return 2;
  if (byte >= 0xe0 && byte < 0xf0) return 3;
  if (byte >= 0xf0 && byte < 0xf8) return 4;
  return undefined;
}

function codePoint(bytes: readonly number[], length: number): number {
  if (length === 1) return bytes[0]!;
  let value = bytes[0]! & (0x7f >> length);
  for (let place = 1; place < length; place++) value = (value << 6) | (bytes[place]! & 0x3f);
  return value;
}

/** Not longer than needed, not half of a surrogate pair, not beyond Unicode. */
function isCharacter(value: number, length: number): boolean {
  const smallest = [0, 0x80, 0x800, 0x10000][length - 1]!;
  return value >= smallest && value <= 0x10ffff && !(value >= 0xd800 && value < 0xe000);
}

function decodeCharacter(bytes: readonly number[]): string {
  return String.fromCodePoint(codePoint(bytes, bytes.length));
}
