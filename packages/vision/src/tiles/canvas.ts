import type { PicturePlan } from '../layout/plan.ts';
import type { Picture } from '../picture.ts';
import type { Resizer } from '../resize/resizer.ts';

const white = 255;

/** Resizes the picture and lays it on white as the plan says: RGB bytes, [height, width, 3]. */
export function paintCanvas(picture: Picture, plan: PicturePlan, resizer: Resizer): Picture {
  const { filter, transposed, resized, canvas, padding } = plan;
  const firstPass = transposed ? 'vertical' : 'horizontal';
  const content = resizer.resize(picture, resized, { filter, firstPass });
  if (content.data.length === canvas.width * canvas.height * 3) return content;
  const data = new Uint8Array(canvas.width * canvas.height * 3).fill(white);
  const length = resized.width * 3;
  for (let row = 0; row < resized.height; row++) {
    const start = ((padding.top + row) * canvas.width + padding.left) * 3;
    data.set(content.data.subarray(row * length, (row + 1) * length), start);
  }
  return { ...canvas, data };
}
