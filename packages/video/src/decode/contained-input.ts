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
    ...pixelsArguments(maxPixels),
    ...options,
    ...['-i', `file:${path}`],
  ];
}

/**
 * ffmpeg's arguments for pieces of one file, which the list on its standard input names. What the list
 * may name is held to the same demuxer and to files; `options` are further ones of the input.
 */
export function joinedInput(
  { container, maxPixels }: Omit<ContainedInput, 'path'>,
  options: readonly string[] = [],
): string[] {
  return [
    ...['-protocol_whitelist', 'file,pipe', '-format_whitelist', `concat,${container}`],
    ...['-f', 'concat', '-safe', '0'],
    ...pixelsArguments(maxPixels),
    ...options,
    ...['-i', 'pipe:0'],
  ];
}

function pixelsArguments(maxPixels: number): string[] {
  return Number.isFinite(maxPixels) ? ['-max_pixels', String(Math.floor(maxPixels))] : [];
}
