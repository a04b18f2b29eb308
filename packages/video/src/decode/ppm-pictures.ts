import type { Picture, Size } from '@lingbi/vision';
import { type FrameMemory, newMemory } from './frame-memory.ts';

/** The output is no row of PPM pictures. */
export class PpmError extends Error {
  override name = 'PpmError';
}

/** More than any header of `P6`, two sides and the depth has. */
const longestHeader = 64;

/**
 * Pictures of a stream of binary PPM: each states its size before its RGB bytes, so nothing needs to
 * be known of them beforehand. `checkSize` is asked before memory is taken for one.
 *
 * @throws PpmError for anything else in the stream, or when it breaks off within a picture.
 */
export async function* ppmPictures(
  chunks: AsyncIterable<Uint8Array>,
  checkSize: (size: Size) => void,
  memory: FrameMemory = newMemory,
): AsyncGenerator<Picture> {
  let header = '';
  let picture: Picture | undefined;
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      if (!picture) {
        header += String.fromCharCode(chunk[at++]!);
        const size = sizeIn(header);
        if (!size) continue;
        checkSize(size);
        picture = { ...size, data: memory.take(size.width * size.height * 3) };
        header = '';
        filled = 0;
      }
      const part = chunk.subarray(at, at + picture.data.length - filled);
      picture.data.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < picture.data.length) continue;
      yield picture;
      picture = undefined;
    }
  }
  if (picture || header !== '') throw new PpmError('its output breaks off within a frame');
}

/** The size that a complete header states; undefined for one that goes on. */
function sizeIn(header: string): Size | undefined {
  const complete = /^P6\s+(\d{1,6})\s+(\d{1,6})\s+255\s$/.exec(header);
  if (complete) return { width: Number(complete[1]), height: Number(complete[2]) };
  const possible = header.length < 2 ? 'P6'.startsWith(header) : header.startsWith('P6');
  if (possible && header.length < longestHeader) return undefined;
  throw new PpmError(`its output begins a frame with ${JSON.stringify(header)}`);
}
