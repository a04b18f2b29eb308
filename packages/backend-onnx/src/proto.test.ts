import { expect, test } from 'vitest';
import { Message } from './proto.ts';

type Field = [field: number, value: bigint | number | Uint8Array];

/** Reads one message back, field by field; bytes stay bytes. */
function read(bytes: Uint8Array): Field[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): bigint => {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
      shift += 7n;
    }
  };
  const fields: Field[] = [];
  while (at < bytes.length) {
    const tag = Number(varint());
    const wireType = tag & 7;
    if (wireType === 0) fields.push([tag >> 3, varint()]);
    else if (wireType === 5) {
      fields.push([tag >> 3, view.getFloat32(at, true)]);
      at += 4;
    } else {
      const length = Number(varint());
      fields.push([tag >> 3, bytes.slice(at, at + length)]);
      at += length;
    }
  }
  return fields;
}

test('whole numbers of any size and sign come back', () => {
  const values = [0, 1, 127, 128, 300, 2 ** 31, Number.MAX_SAFE_INTEGER];
  const message = values.reduce((all, value) => all.int(3, value), new Message());
  expect(read(message.finish())).toEqual(values.map((value) => [3, BigInt(value)]));
});

test('negative numbers are their two’s complement in 64 bits', () => {
  const [[, value]] = read(new Message().int(1, -1).finish()) as [Field];
  expect(BigInt.asIntN(64, value as bigint)).toBe(-1n);
});

test('fractions, texts and fields above 15 come back', () => {
  const fields = read(new Message().float(2, 0.5).text(20, '灵笔').finish());
  expect(fields[0]).toEqual([2, 0.5]);
  expect(new TextDecoder().decode(fields[1]![1] as Uint8Array)).toBe('灵笔');
});

test('messages nest, and keep their order', () => {
  const inner = new Message().int(1, 7).text(2, 'x'.repeat(200));
  const [[field, bytes]] = read(new Message().message(5, inner).finish()) as [Field];
  expect(field).toBe(5);
  expect(bytes).toEqual(inner.finish());
});
