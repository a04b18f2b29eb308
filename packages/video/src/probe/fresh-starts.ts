import { EncodedPacketSink, type InputVideoTrack } from 'mediabunny';
import { orAborted } from '../reading.ts';
import { openBytes } from '../source/byte-access.ts';
import type { Video } from '../video.ts';
import { mediaInput } from './media-input.ts';

/**
 * Whether a decoder that comes from elsewhere forgets all it knew at each of these frames. Keyframes of
 * H.264 and HEVC need not be such frames: pictures after them may look back across them. False for codecs
 * of which this cannot be told.
 */
export async function areFreshStarts(
  video: Video,
  frames: readonly number[],
  signal: AbortSignal,
): Promise<boolean> {
  await using bytes = await openBytes(video.bytes, signal);
  using input = mediaInput(bytes);
  const [track] = await orAborted(input.getVideoTracks(), signal);
  if (!track) return false;
  const isFresh = await freshness(track);
  const sink = new EncodedPacketSink(track);
  for (const frame of frames) {
    const seconds = video.facts.timestamps[frame]!;
    const packet = await orAborted(sink.getPacket(seconds), signal);
    if (packet?.timestamp !== seconds || packet.type !== 'key' || !isFresh(packet.data))
      return false;
  }
  return true;
}

type Freshness = (packet: Uint8Array) => boolean;

async function freshness(track: InputVideoTrack): Promise<Freshness> {
  const codec = await track.getCodec();
  switch (codec) {
    case 'vp8':
    case 'vp9':
    case 'av1':
      return () => true; // a keyframe replaces all that later ones can look back to
    case 'avc':
    case 'hevc': {
      const lengthBytes = lengthBytesOf(codec, (await track.getDecoderConfig())?.description);
      if (lengthBytes === undefined) return () => false;
      const isIdr = codec === 'avc' ? isIdrOfAvc : isIdrOfHevc;
      return (packet) => unitHeaders(packet, lengthBytes).some(isIdr);
    }
    default:
      return () => false;
  }
}

/** Where `avcC` and `hvcC` say how long the lengths before units are, minus one (ISO 14496-15). */
const lengthAt = { avc: 4, hevc: 21 };

function lengthBytesOf(
  codec: keyof typeof lengthAt,
  description: VideoDecoderConfig['description'],
): number | undefined {
  if (!description) return undefined;
  const bytes = ArrayBuffer.isView(description)
    ? new Uint8Array(description.buffer, description.byteOffset, description.byteLength)
    : new Uint8Array(description);
  const byte = bytes[lengthAt[codec]];
  return byte === undefined ? undefined : (byte & 3) + 1;
}

/** The first byte of each unit. */
function unitHeaders(packet: Uint8Array, lengthBytes: number): number[] {
  const headers: number[] = [];
  for (let at = 0; at + lengthBytes < packet.length; ) {
    let length = 0;
    for (let i = 0; i < lengthBytes; i++) length = length * 256 + packet[at++]!;
    headers.push(packet[at]!);
    at += length;
  }
  return headers;
}

/** H.264, table 7-1. */
function isIdrOfAvc(header: number): boolean {
  return (header & 31) === 5;
}

/** HEVC, table 7-1: IDR_W_RADL and IDR_N_LP. */
function isIdrOfHevc(header: number): boolean {
  const type = (header >> 1) & 63;
  return type === 19 || type === 20;
}
