import {
  CustomSource,
  Input,
  type InputFormat,
  MATROSKA,
  MP4,
  MPEG_TS,
  QTFF,
  WEBM,
} from 'mediabunny';
import type { ByteAccess } from '../source/byte-access.ts';

/** Never playlists: they name other files and addresses. */
const formats: readonly InputFormat[] = [MP4, QTFF, WEBM, MATROSKA, MPEG_TS];

/** A video as mediabunny reads it. */
export function mediaInput(bytes: ByteAccess): Input {
  const source = new CustomSource({
    getSize: () => bytes.size,
    read: (start, end) => bytes.read(start, end),
    prefetchProfile: 'fileSystem',
    handleUnhandledError: () => {}, // a prefetch that nobody waits for; reads report their own
  });
  return new Input({ formats: [...formats], source });
}
