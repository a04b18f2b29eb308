import { findFfmpeg } from '@lingbi/video';

/** Whether videos can be decoded here. */
export function hasFfmpeg(): Promise<boolean> {
  return findFfmpeg().then(
    () => true,
    () => false,
  );
}
