/** A captioner for tests; `kill` ends the process at that picture, as a crash would. */
import { scriptedWriter } from '../writer/testing.ts';
import type { WriteRequest, Writer } from '../writer/writer.ts';

export function captionWriter(
  kill: number = Number.POSITIVE_INFINITY,
): Writer & { readonly requests: WriteRequest[] } {
  return scriptedWriter(({ images, settings }, call) => {
    if (call >= kill) process.kill(process.pid, 'SIGKILL');
    const [image] = images!;
    return ` ${typeof image === 'string' ? image : 'bytes'} seen with ${settings.seed}[UNUSED_TOKEN_145]`;
  });
}
