import { expect, test } from 'vitest';
import { dejaVuLabels, labelOf } from './labels.ts';

const paint = dejaVuLabels();

test('a label stands below its anchor as high as Pillow draws it', () => {
  // The boxes recorded from the reference reach from 8 to 38.
  expect(inkRows(labelOf(0))).toEqual([8, 38]);
  expect(inkRows(labelOf(10))).toEqual([8, 38]);
});

test('other characters ask for a painter of the user', () => {
  expect(() => paint('Bild 0')).toThrow(
    'painting the label "Bild 0": this font has only the characters of <IMAGE 0123456789>. Pass a painter of your own as labels',
  );
});

/** The first row with ink, and the first one after it without. */
function inkRows(text: string): [number, number] {
  const { width, height, data } = paint(text);
  const rows = Array.from({ length: height }, (_, row) => row).filter((row) =>
    data.subarray(row * width, (row + 1) * width).some((covered) => covered > 0),
  );
  return [rows[0]!, rows.at(-1)! + 1];
}
