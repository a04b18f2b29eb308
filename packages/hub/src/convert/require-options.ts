import { InvalidOptionError } from '@lingbi/core';
import { requireKnown } from '../require-known.ts';
import type { FormatChoices, WeightChoice } from './choose-encodings.ts';
import type { ConvertOptions } from './convert-checkpoint.ts';
import type { WriteConvertedOptions } from './write-converted.ts';

/** What a value may be. */
interface Rule {
  readonly must: string;
  readonly holds: (value: unknown) => boolean;
}

export type Rules<Options> = { readonly [Name in keyof Required<Options>]: Rule };

export const oneOf = (...allowed: readonly (string | number)[]): Rule => ({
  must: `it should be ${alternatives(allowed.map((each) => JSON.stringify(each)))}`,
  holds: (value) => allowed.includes(value as string | number),
});
export const ofType = (type: 'boolean' | 'function' | 'object' | 'string'): Rule => ({
  must: `it should be ${type === 'object' ? 'an' : 'a'} ${type}`,
  holds: (value) => value !== null && typeof value === type,
});
export const wholeFrom = (least: number): Rule => ({
  must: `it should be a whole number from ${least} on`,
  holds: (value) => Number.isSafeInteger(value) && (value as number) >= least,
});

/** `'a, b or c'` */
function alternatives(names: readonly string[]): string {
  return [names.slice(0, -1).join(', '), names.at(-1)].filter(Boolean).join(' or ');
}

const anyFormat = oneOf('f32', 'f16', 'int8', 'int4', 'channels');
/** These weights are never multiplied: no backend reads them encoded. */
const dense = oneOf('f32', 'f16');

const formatRules: Rules<FormatChoices> = {
  linear: anyFormat,
  head: anyFormat,
  lora: anyFormat,
  tower: anyFormat,
  projector: anyFormat,
  embeddings: dense,
  plain: dense,
};

export const choiceRules: Rules<WeightChoice> = {
  weights: oneOf('int4', 'int8', 'f16', 'f32'),
  vision: oneOf('f32', 'int8'),
  block: oneOf(32, 64, 128),
  zeroPoints: ofType('boolean'),
  scales: oneOf('float16', 'float32'),
  formats: ofType('object'),
};

export const writingRules: Rules<WriteConvertedOptions> = {
  shardBytes: wholeFrom(1),
  onProgress: ofType('function'),
  signal: ofType('object'),
};

const convertRules: Rules<ConvertOptions> = {
  ...choiceRules,
  ...writingRules,
  adapters: { must: 'it should be a list of "web" and "write"', holds: Array.isArray },
  rounding: oneOf('search', 'nearest'),
  repairWith: ofType('string'),
};

/**
 * What cannot be meant is said before anything is read or written.
 *
 * @throws TypeError for an option that is not known, InvalidOptionError for a value that none can have.
 */
export function requireOptions(options: ConvertOptions): void {
  requireRules('convertCheckpoint', options, convertRules);
  requireFormats('convertCheckpoint', options);
  for (const adapter of options.adapters ?? []) {
    requireRule('adapters', adapter, oneOf('web', 'write'));
  }
}

/** The formats of single kinds of weights. */
export function requireFormats(
  call: string,
  { formats = {} }: Pick<WeightChoice, 'formats'>,
): void {
  requireRules(`${call}: formats`, formats, formatRules, 'formats.');
}

/** What is undefined counts as left out. */
export function requireRules<Options extends object>(
  call: string,
  options: Options,
  rules: Rules<Options>,
  root = '',
): void {
  requireKnown(call, options, Object.keys(rules));
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) requireRule(`${root}${name}`, value, rules[name as keyof Options]);
  }
}

function requireRule(option: string, value: unknown, { must, holds }: Rule): void {
  if (holds(value)) return;
  throw new InvalidOptionError(option, value, `it is ${shown(value)}, but ${must}`);
}

function shown(value: unknown): string {
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value);
}
