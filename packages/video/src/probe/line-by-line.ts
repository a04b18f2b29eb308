/** The longest line that is waited for: whoever writes more without an end is not understood. */
const longestLine = 4096;

/** Text as it comes, a line at a time, each without its end. */
export async function* lineByLine(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!.slice(0, longestLine);
    yield* lines;
  }
  if (rest !== '') yield rest;
}
