import { expect, test } from 'vitest';
import { foreignContainer } from './foreign-container.ts';

test.each([
  ['avi', 'RIFF\x10\x20\x30\x40AVI LIST'],
  ['asf', '\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9'],
  ['flv', 'FLV\x01\x05'],
  ['ivf', 'DKIF\0\0'],
  ['ogg', 'OggS\0'],
  ['gif', 'GIF89a'],
  ['mpeg', '\0\0\x01\xba\x44'],
  ['mpegvideo', '\0\0\x01\xb3\x14'],
  ['h264', '\0\0\0\x01\x67\x64\0\x0d'],
  ['h264', '\0\0\x01\x09\xf0'],
  ['h264', '\0\0\0\x01\x06\x05'],
  ['hevc', '\0\0\0\x01\x40\x01\x0c'],
  ['hevc', '\0\0\x01\x46\x01\x50'],
])('%s is told by its first bytes', (container, start) => {
  expect(foreignContainer(bytesOf(start))).toBe(container);
});

test.each([
  ['nothing', ''],
  ['sound', 'RIFF\x10\x20\x30\x40WAVE'],
  ['a playlist', '#EXTM3U\n/etc/passwd'],
  ['a list of files', "ffconcat version 1.0\nfile '/etc/passwd'"],
  ['MP4', '\0\0\0\x20ftypisom'],
  ['MP4 with a long first box', '\0\0\0\x01ftyp\0\0\0\0'],
  ['QuickTime with a long first box', '\0\0\0\x01mdat\0\0\0\0'],
  ['Matroska', '\x1a\x45\xdf\xa3'],
  ['a slice without what it depends on', '\0\0\0\x01\x65\x88'],
  ['zeros', '\0\0\0\0\0\0\0\0'],
])('%s is none of them', (_, start) => {
  expect(foreignContainer(bytesOf(start))).toBeUndefined();
});

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
