/** A safetensors file with this header, sound or not, and as many zeros as data. */
export function safetensorsBytes(header: unknown, dataBytes: number): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Uint8Array.from(Buffer.concat([length, json, Buffer.alloc(dataBytes)]));
}
