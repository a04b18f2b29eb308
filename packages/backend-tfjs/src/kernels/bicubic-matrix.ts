/** How sharp the curve bends; −0.75 is what PyTorch uses (spec PREPROCESS §5). */
const A = -0.75;

/**
 * The matrix [from, to] whose column i holds the weights with which old places add up to new place
 * i: four taps around its centre, those beyond an edge counting for the edge.
 */
export function bicubicMatrix(from: number, to: number): Float32Array {
  const matrix = new Float32Array(from * to);
  for (let place = 0; place < to; place++) {
    const centre = (place + 0.5) * (from / to) - 0.5;
    const first = Math.floor(centre) - 1;
    for (let tap = first; tap < first + 4; tap++) {
      const inside = Math.min(from - 1, Math.max(0, tap));
      matrix[inside * to + place]! += bicubic(Math.abs(centre - tap));
    }
  }
  return matrix;
}

/** Keys' cubic convolution kernel (Keys 1981, equation 4) at a distance of 0 to 2. */
function bicubic(distance: number): number {
  if (distance <= 1) return ((A + 2) * distance - (A + 3)) * distance ** 2 + 1;
  if (distance < 2) return A * (((distance - 5) * distance + 8) * distance - 4);
  return 0;
}
