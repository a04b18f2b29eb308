/** When the frames of a video are shown: what sampling has to know. Seconds, frame numbers from 0. */
export interface Timeline {
  /** When each frame appears, ascending. */
  readonly timestamps: ArrayLike<number>;
  /** On average: frames by playing time. */
  readonly framesPerSecond: number;
  /** Playing time, to the end of the last frame. */
  readonly duration: number;
}

/** The timeline of a video whose frames follow each other evenly. */
export function evenTimeline(frames: number, framesPerSecond: number): Timeline {
  const timestamps = Float64Array.from({ length: frames }, (_, frame) => frame / framesPerSecond);
  return { timestamps, framesPerSecond, duration: frames / framesPerSecond };
}

/** The number of frames that appear before this time. */
export function framesBefore({ timestamps }: Timeline, seconds: number): number {
  let low = 0;
  let high = timestamps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timestamps[middle]! < seconds) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The frame on the screen at this time. */
export function frameAt(timeline: Timeline, seconds: number): number {
  const { timestamps } = timeline;
  // Times that people write, such as 0.3, need not equal the sum of frame times to the last bit.
  const slack = 1e-6;
  return Math.min(Math.max(framesBefore(timeline, seconds + slack) - 1, 0), timestamps.length - 1);
}
