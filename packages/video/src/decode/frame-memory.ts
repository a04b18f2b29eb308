/** Where the bytes of frames come from. */
export interface FrameMemory {
  take(length: number): Uint8Array<ArrayBuffer>;
  /** Gives bytes back that nobody looks at any more. */
  giveBack(bytes: Uint8Array): void;
}

/**
 * Memory that is used again. New memory for each frame costs as much as half its decoding: the garbage
 * collector runs for every few of them (measured by apps/bench/src/video.ts).
 */
export function reusedMemory(): FrameMemory {
  const free: Uint8Array<ArrayBuffer>[] = [];
  return {
    take(length) {
      const bytes = free.pop();
      return bytes?.length === length ? bytes : new Uint8Array(length);
    },
    giveBack: (bytes) => {
      free.push(bytes as Uint8Array<ArrayBuffer>);
    },
  };
}

/** New memory for each frame, which may be kept. */
export const newMemory: FrameMemory = {
  take: (length) => new Uint8Array(length),
  giveBack: () => {},
};
