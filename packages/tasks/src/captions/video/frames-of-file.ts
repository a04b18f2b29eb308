import { decodeFrames, type OpenVideoOptions, openVideo, type VideoSource } from '@lingbi/video';
import type { VideoFrames } from './video-frames.ts';

/** Frames of a video file or address, decoded one after the other. Needs ffmpeg. */
export function framesOfFile(
  source: VideoSource,
  options: Omit<OpenVideoOptions, 'signal'> = {},
): VideoFrames {
  return {
    async *every(seconds, signal) {
      const cancel = signal && { signal };
      const video = await openVideo(source, { ...options, ...cancel });
      const { frameCount, framesPerSecond } = video.facts;
      const stride = Math.max(1, Math.trunc(seconds * framesPerSecond));
      const frames = Array.from({ length: Math.ceil(frameCount / stride) }, (_, i) => i * stride);
      for await (const { picture } of decodeFrames(video, frames, { ...cancel })) yield picture;
    },
  };
}
