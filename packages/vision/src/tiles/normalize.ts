// CLIP's statistics of its training pictures (spec PREPROCESS §5).
const means = [0.48145466, 0.4578275, 0.40821073] as const;
const deviations = [0.26862954, 0.26130258, 0.27577711] as const;

/** What each byte becomes, for red, green and blue: float32 at every step, as the reference. */
export type NormalTables = readonly [Float32Array, Float32Array, Float32Array];

/** `(byte / 255 − mean) / deviation` for all 256 bytes of the three channels. */
export function normalTables(): NormalTables {
  return [
    tableOf(means[0], deviations[0]),
    tableOf(means[1], deviations[1]),
    tableOf(means[2], deviations[2]),
  ];
}

function tableOf(mean: number, deviation: number): Float32Array {
  const { fround } = Math;
  return Float32Array.from({ length: 256 }, (_, byte) => {
    const shifted = fround(fround(byte / 255) - fround(mean));
    return fround(shifted / fround(deviation));
  });
}
