import type { Container } from '../probe/facts.ts';

/** What ffmpeg is allowed to read. */
export interface ContainedInput {
  readonly path: string;
  readonly container: Container;
  /** The most pixels that a frame may have, whatever the file said before. */
  readonly maxPixels: number;
}

/**
 * ffmpeg's arguments for one file. The demuxer is named and files are the only protocol, so that no
 * content makes ffmpeg follow a playlist to another file or address. `options` are further ones of the
 * input.
 */
export function containedInput(
  { path, container, maxPixels }: ContainedInput,
  options: readonly string[] = [],
): string[] {
  return [
    ...['-protocol_whitelist', 'file', '-f', container],
    ...(Number.isFinite(maxPixels) ? ['-max_pixels', String(Math.floor(maxPixels))] : []),
    ...options,
    ...['-i', `file:${path}`],
  ];
}
