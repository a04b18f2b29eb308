/** Binary and decimal units, by what people call them. */
const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  ...{ kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 },
  ...{ kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 },
};

/**
 * A number of bytes, or a text such as `'8 GiB'` or `'500MB'`.
 *
 * @throws RangeError
 */
export function parseBytes(size: number | string): number {
  if (typeof size === 'number' && size > 0) return size;
  const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(String(size)) ?? [];
  const bytes = Number(number) * (UNITS[unit?.toLowerCase() ?? ''] ?? Number.NaN);
  if (typeof size === 'string' && bytes > 0) return bytes;
  throw new RangeError(
    `memoryBudget must be a number of bytes above 0 or a text like '8 GiB', but it is ${JSON.stringify(size)}`,
  );
}
