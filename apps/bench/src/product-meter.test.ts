import { expect, test } from 'vitest';
import { productMeter, shareOfProducts } from './product-meter.ts';

test.each(['f32', 'int8', 'int8-128', 'int4-32'] as const)(
  'there is a meter for products by %s',
  async (products) => {
    await using meter = await productMeter(products);
    const rate = await meter.measure();
    expect(rate).toBeGreaterThan(0);
    expect(rate).toBeLessThan(Number.POSITIVE_INFINITY);
  },
);

test('a share says what it is of', () => {
  const note = (products: 'int8-128' | 'int8' | 'f32') => shareOfProducts(50, 200, products);
  expect(note('int8-128')).toBe('25 % of 200 GFLOP/s: 512 rows by a matrix in the cache, int8-128');
  expect(note('int8')).toMatch(/int8 a channel$/);
  expect(note('f32')).toMatch(/float32$/);
});
