import { DecoderFailedError } from '../errors.ts';

/**
 * Runs ffmpeg with the option that passes every frame on as it is. Before 5.1 the option has another
 * name, and ffmpeg refuses before it writes anything.
 */
export async function* withEveryFrame<T>(
  run: (everyFrame: readonly string[]) => AsyncGenerator<T>,
): AsyncGenerator<T> {
  try {
    yield* run(['-fps_mode', 'passthrough']);
  } catch (error) {
    if (!(error instanceof DecoderFailedError && /\bfps_mode\b/.test(error.complaints)))
      throw error;
    yield* run(['-vsync', 'passthrough']);
  }
}
