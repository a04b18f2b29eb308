import {
  EncodedPacketSink,
  type Input,
  type InputVideoTrack,
  MP4,
  MPEG_TS,
  QTFF,
  UnsupportedInputFormatError,
} from 'mediabunny';
import { DamagedVideoError, NoFramesError, NotAVideoError, VideoError } from '../errors.ts';
import { checkFrameSize, checkLimit, orAborted, type Reading } from '../reading.ts';
import { type ByteAccess, openBytes } from '../source/byte-access.ts';
import type { VideoBytes } from '../source/video-source.ts';
import { checkSampleTables } from './check-sample-tables.ts';
import type { Container, VideoFacts } from './facts.ts';
import { foreignContainer, signatureLength } from './foreign-container.ts';
import { indexByDecoding } from './index-by-decoding.ts';
import { mediaInput } from './media-input.ts';

/** Reads the index of a video. */
export async function probe(video: VideoBytes, reading: Reading): Promise<VideoFacts> {
  await using bytes = await openBytes(video, reading.signal);
  const foreign = foreignContainer(await bytes.read(0, signatureLength));
  if (foreign) return indexByDecoding(video, foreign, reading);
  const facts = await readIndex(bytes, reading);
  if (facts === 'foreign codec') return indexByDecoding(video, 'mpegts', reading);
  return facts;
}

async function readIndex(
  bytes: ByteAccess,
  reading: Reading,
): Promise<VideoFacts | 'foreign codec'> {
  using input = mediaInput(bytes);
  try {
    return await orAborted(readFacts(input, bytes, reading), reading.signal);
  } catch (cause) {
    reading.signal.throwIfAborted();
    if (cause instanceof VideoError) throw cause;
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new DamagedVideoError(reading.name, `its index cannot be read (${problem})`, [], {
      cause,
    });
  }
}

async function readFacts(
  input: Input,
  bytes: ByteAccess,
  reading: Reading,
): Promise<VideoFacts | 'foreign codec'> {
  const container = await containerOf(input, reading);
  if (container === 'mov') await checkSampleTables(bytes, reading);
  const [track] = await input.getVideoTracks();
  // Of MPEG-TS mediabunny passes over what it cannot parse, such as MPEG-2.
  if (!track && container === 'mpegts') return 'foreign codec';
  if (!track) throw new NoFramesError(reading.name, 'it has no video track that can be read');
  const size = await sizeOf(track, reading);
  const frames = await readFrames(track, container, reading);
  const codec = (await track.getCodec()) ?? undefined;
  return { container, codec, ...size, ...frames };
}

async function containerOf(input: Input, reading: Reading): Promise<Container> {
  try {
    const format = await input.getFormat();
    if (format === MP4 || format === QTFF) return 'mov';
    return format === MPEG_TS ? 'mpegts' : 'matroska';
  } catch (cause) {
    if (!(cause instanceof UnsupportedInputFormatError)) throw cause;
    throw new NotAVideoError(reading.name, 'its content is of no container that is read', {
      cause,
    });
  }
}

type FrameSize = Pick<VideoFacts, 'width' | 'height' | 'rotation' | 'pixelAspectRatio'>;

async function sizeOf(track: InputVideoTrack, reading: Reading): Promise<FrameSize> {
  const codedWidth = await track.getCodedWidth();
  const codedHeight = await track.getCodedHeight();
  checkFrameSize(reading, codedWidth, codedHeight);
  const rotation = await track.getRotation();
  const { num, den } = await track.getPixelAspectRatio();
  const lying = rotation % 180 === 0;
  const [width, height] = lying ? [codedWidth, codedHeight] : [codedHeight, codedWidth];
  return { width, height, rotation, pixelAspectRatio: lying ? num / den : den / num };
}

type Frames = Pick<
  VideoFacts,
  'frameCount' | 'framesPerSecond' | 'duration' | 'timestamps' | 'keyframes'
>;

async function readFrames(
  track: InputVideoTrack,
  container: Container,
  reading: Reading,
): Promise<Frames> {
  const { times, keys, end } = await readPackets(track, reading);
  const timestamps = Float64Array.from(shownTimes(times, container)).sort();
  const frameCount = timestamps.length;
  if (frameCount === 0) throw new NoFramesError(reading.name, 'its video track has no frames');
  const duration = end - timestamps[0]!;
  checkLimit(reading, 'duration', duration);
  const framesPerSecond = averageRate(frameCount, duration);
  const keyTimes = new Set(keys);
  const keyframes = [...timestamps.keys()].filter((frame) => keyTimes.has(timestamps[frame]!));
  return { frameCount, framesPerSecond, duration, timestamps, keyframes };
}

/**
 * A cut of MP4 begins with frames that are decoded but not shown: its edit list puts them before 0.
 * ffmpeg drops them.
 */
function shownTimes(times: readonly number[], container: Container): readonly number[] {
  const rounding = 1e-6;
  return container === 'mov' ? times.filter((time) => time >= -rounding) : times;
}

/**
 * Matroska's nanoseconds make 12.5 frames a second 12.500000001, which rounds to another whole number;
 * so a millionth is as exact as a rate gets. A single picture may last for no time at all.
 */
function averageRate(frameCount: number, duration: number): number {
  return duration > 0 ? Math.round((frameCount / duration) * 1e6) / 1e6 : 1;
}

interface Packets {
  /** Seconds, in the order of decoding. */
  readonly times: number[];
  /** Times of those that decoding can begin at. */
  readonly keys: number[];
  /** When the last frame goes, in seconds. */
  readonly end: number;
}

async function readPackets(track: InputVideoTrack, reading: Reading): Promise<Packets> {
  const times: number[] = [];
  const keys: number[] = [];
  let end = -Infinity;
  const options = { metadataOnly: true };
  for await (const packet of new EncodedPacketSink(track).packets(undefined, undefined, options)) {
    reading.signal.throwIfAborted();
    checkLimit(reading, 'frames', times.push(packet.timestamp));
    if (packet.type === 'key') keys.push(packet.timestamp);
    end = Math.max(end, packet.timestamp + packet.duration);
  }
  return { times, keys, end };
}
