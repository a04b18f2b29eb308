import { InvalidArgumentError } from 'commander';

/** Values of options; ranges that the work knows better are checked there. */
export function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number.');
}

export function parsePositive(text: string): number {
  const value = parseNumber(text);
  if (value > 0) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}

export function parseCount(text: string): number {
  const value = parseNumber(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a whole number above 0.');
}

/** An option that may be given several times. One that takes several words would take the question, too. */
export function parseAnother(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
