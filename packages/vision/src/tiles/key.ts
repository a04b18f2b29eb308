import { createHash } from 'node:crypto';

/**
 * sha256 of pixels and of how they are read. The canvas already holds everything that the transform
 * decided, so equal canvases cut into equal tiles are equal pictures, wherever they came from.
 */
export function keyOf(kind: string, facts: readonly number[], pixels: Uint8Array): string {
  return createHash('sha256')
    .update(`${kind} ${facts.join(' ')}\n`)
    .update(pixels)
    .digest('hex');
}
