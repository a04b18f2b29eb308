import type { ForeignContainer } from './facts.ts';

/** Bytes that `foreignContainer` has to see. */
export const signatureLength = 16;

/** What files begin with, as Latin-1. */
const signatures: readonly (readonly [start: string, container: ForeignContainer])[] = [
  ['\x30\x26\xb2\x75\x8e\x66\xcf\x11', 'asf'],
  ['FLV\x01', 'flv'],
  ['DKIF', 'ivf'],
  ['OggS', 'ogg'],
  ['GIF87a', 'gif'],
  ['GIF89a', 'gif'],
];

/**
 * The container that a file begins like, of those that ffmpeg alone reads. Only such as name no other
 * file or address: never playlists.
 */
export function foreignContainer(start: Uint8Array): ForeignContainer | undefined {
  const text = String.fromCharCode(...start.subarray(0, signatureLength));
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'AVI ') return 'avi';
  const known = signatures.find(([signature]) => text.startsWith(signature));
  return known ? known[1] : ofStartCode(start);
}

/** MPEG's streams and Annex B begin with a start code, and after it with what opens a stream. */
function ofStartCode(bytes: Uint8Array): ForeignContainer | undefined {
  const zeros = bytes.findIndex((byte) => byte !== 0);
  if (bytes[zeros] !== 1 || (zeros !== 2 && zeros !== 3)) return undefined;
  const [first = 0, second = 0] = bytes.subarray(zeros + 1);
  if (first === 0xba) return 'mpeg';
  if (first === 0xb3) return 'mpegvideo';
  if (opensHevc(first, second)) return 'hevc';
  return h264Openers.includes(first) ? 'h264' : undefined;
}

/** Rec. ITU-T H.265 §7.3.1.2: parameter sets, delimiter and SEI, of layer 0 and temporal id 1. */
function opensHevc(first: number, second: number): boolean {
  return [32, 33, 34, 35, 39].includes(first / 2) && second === 1;
}

/** Rec. ITU-T H.264 §7.3.1: SEI, delimiter, parameter sets of any weight. A box of MP4 is none of them. */
const h264Openers = [0x06, 0x09, 0x27, 0x47, 0x67, 0x28, 0x48, 0x68];
