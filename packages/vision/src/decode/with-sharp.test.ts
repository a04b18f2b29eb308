import { expect, test, vi } from 'vitest';
import { SharpMissingError } from '../errors.ts';
import { readPicture } from '../read-picture.ts';
import { fixturePath } from '../test-support.ts';

vi.mock('sharp', () => {
  throw new Error("Cannot find package 'sharp'");
});

test('without sharp, the error says how to install it, and other formats are read', async () => {
  const error = await readPicture(fixturePath('pictures/decode/rgb.png')).catch(
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SharpMissingError);
  expect(String(error)).toContain('Install it with: npm install sharp');
  const gif = await readPicture(fixturePath('pictures/decode/interlaced.gif'));
  expect(gif).toMatchObject({ width: 120, height: 77 });
});
