import type { VideoFacts } from '../probe/facts.ts';
import { ffmpegOutput } from './ffmpeg-output.ts';

/** What ffmpeg says of the first frame: its time in ticks, and how long a tick lasts. */
const tickLength = /config in time_base: (\d+)\/(\d+)/;
const firstTime = /\bn: *0 +pts: *(-?\d+)/;

/** How ffmpeg sees a file that is indexed already. */
export interface FfmpegView {
  /**
   * What to add to a time of the index to have ffmpeg's: edit lists and late starts are counted in
   * different ways.
   */
  readonly clockOffset: number;
  /** Whether there is the video and nothing else. */
  readonly isVideoAlone: boolean;
}

/** Undefined when ffmpeg does not tell its time; frames then have to be counted. */
export async function ffmpegView(
  run: Omit<Parameters<typeof ffmpegOutput>[0], 'onComplaints'>,
  { timestamps }: VideoFacts,
): Promise<FfmpegView | undefined> {
  let said = '';
  const onComplaints = (text: string): void => {
    said = text;
  };
  for await (const _ of ffmpegOutput({ ...run, onComplaints }));
  const base = tickLength.exec(said);
  const time = firstTime.exec(said);
  if (!base || !time) return undefined;
  const clockOffset = (Number(time[1]) * Number(base[1])) / Number(base[2]) - timestamps[0]!;
  return { clockOffset, isVideoAlone: countStreams(said) === 1 };
}

/** Of the input, which is listed before what becomes of it; 0 where it cannot be told. */
function countStreams(said: string): number {
  const [input = ''] = said.split(/^(?:Stream mapping|Output #0)/m);
  return input.startsWith('Input #0') ? (input.match(/^ *Stream #0:/gm)?.length ?? 0) : 0;
}
