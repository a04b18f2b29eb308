/** How the encodings that browsers show begin. */
const beginnings: Readonly<Record<string, readonly (readonly [at: number, text: string])[]>> = {
  png: [[0, '\x89PNG\r\n\x1a\n']],
  jpg: [[0, '\xff\xd8\xff']],
  gif: [[0, 'GIF8']],
  webp: [
    [0, 'RIFF'],
    [8, 'WEBP'],
  ],
};

/** The usual ending of a picture's file name, told by its content; nothing for anything else. */
export function pictureType(data: Uint8Array): string | undefined {
  const startsWith = (at: number, text: string) =>
    Buffer.from(data.subarray(at, at + text.length)).toString('latin1') === text;
  return Object.keys(beginnings).find((type) =>
    beginnings[type]!.every(([at, text]) => startsWith(at, text)),
  );
}
