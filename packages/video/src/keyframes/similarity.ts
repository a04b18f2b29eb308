import type { Picture } from '@lingbi/vision';

/** How alike two pictures are: 1 for equal ones, less for others. */
export type Similarity = (a: Picture, b: Picture) => number | Promise<number>;

/** What a picture looks like, as numbers: the class token of a CLIP tower in the reference. */
export type Embed = (picture: Picture) => Float32Array | Promise<Float32Array>;

/** The cosine between the embeddings of two pictures. Each picture is embedded once. */
export function cosineSimilarity(embed: Embed): Similarity {
  const known = new WeakMap<Picture, Promise<Float32Array>>();
  const embedded = (picture: Picture): Promise<Float32Array> => {
    const embedding = known.get(picture) ?? Promise.resolve(embed(picture));
    known.set(picture, embedding);
    return embedding;
  };
  return async (a, b) => cosine(await embedded(a), await embedded(b));
}

function cosine(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) {
    throw new RangeError(
      `comparing pictures: their embeddings have ${a.length} and ${b.length} numbers, but should have as many`,
    );
  }
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
