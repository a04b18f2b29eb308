import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

interface HashingOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes of each piece that was read. */
  readonly onBytes?: (bytes: number) => void;
}

/** In hexadecimal digits. */
export async function sha256Of(path: string, options: HashingOptions = {}): Promise<string> {
  const digest = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    options.signal?.throwIfAborted();
    digest.update(chunk as Buffer);
    options.onBytes?.((chunk as Buffer).length);
  }
  return digest.digest('hex');
}
