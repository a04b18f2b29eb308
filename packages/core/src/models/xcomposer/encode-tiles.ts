/** One tile's pixels, made when they are asked for. */
export type MakePixels = () => Float32Array;

/**
 * Encodes tiles in their order. While one is being encoded, on threads of the backend, the pixels of
 * the next are made: two tiles are held at most, however many there are.
 */
export async function* encodeTiles<Rows>(
  tiles: Iterable<MakePixels>,
  encode: (pixels: Float32Array) => Promise<Rows>,
): AsyncGenerator<Rows> {
  let running: Promise<Rows> | undefined;
  for (const makePixels of tiles) {
    const pixels = makePixels();
    if (running) yield await running;
    running = encode(pixels);
    running.catch(() => {}); // whoever awaits it hears of it; the pixels of the next may fail before
    await nextTurn();
  }
  if (running) yield await running;
}

/** Lets what was just asked for reach its thread before this one is busy again. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
