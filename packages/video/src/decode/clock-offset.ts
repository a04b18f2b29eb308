import type { VideoFacts } from '../probe/facts.ts';
import { ffmpegOutput } from './ffmpeg-output.ts';

/** What ffmpeg says of the first frame: its time in ticks, and how long a tick lasts. */
const tickLength = /config in time_base: (\d+)\/(\d+)/;
const firstTime = /\bn: *0 +pts: *(-?\d+)/;

/**
 * What to add to a time of the index to have ffmpeg's: edit lists and late starts are counted in
 * different ways. Undefined when ffmpeg does not say; frames then have to be counted.
 */
export async function clockOffset(
  run: Omit<Parameters<typeof ffmpegOutput>[0], 'onComplaints'>,
  { timestamps }: VideoFacts,
): Promise<number | undefined> {
  let said = '';
  const onComplaints = (text: string): void => {
    said = text;
  };
  for await (const _ of ffmpegOutput({ ...run, onComplaints }));
  const base = tickLength.exec(said);
  const time = firstTime.exec(said);
  if (!base || !time) return undefined;
  return (Number(time[1]) * Number(base[1])) / Number(base[2]) - timestamps[0]!;
}
