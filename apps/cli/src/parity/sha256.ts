import { createHash } from 'node:crypto';
import type { Picture } from '@lingbi/vision';

/** What recordings know pixels by: RGB bytes, row by row. */
export function sha256({ data }: Picture): string {
  return createHash('sha256').update(data).digest('hex');
}
