import type { BeamOptions, GenerateOptions } from './generate-options.ts';
import type { PenaltyOptions, SamplingOptions } from './logits/steps-of.ts';
import type { SamplerOptions } from './sampler.ts';

/** An option of a generation is unknown, makes no sense, or contradicts another. */
export class InvalidOptionError extends RangeError {
  override readonly name = 'InvalidOptionError';
  constructor(
    /** `'sampling.topP'` */
    readonly option: string,
    readonly value: unknown,
    detail: string,
  ) {
    super(`${option}: ${detail}`);
  }
}

interface Rule {
  readonly must: string;
  readonly holds: (value: unknown) => boolean;
}

type Rules<Options> = { readonly [Name in keyof Required<Options>]: Rule };

const number = (must: string, holds: (value: number) => boolean): Rule => ({
  must: `must be ${must}`,
  holds: (value) => typeof value === 'number' && holds(value),
});
const whole = (from: number) =>
  number(`a whole number from ${from} on`, (n) => Number.isSafeInteger(n) && n >= from);
const finite = number('a number', Number.isFinite);
const positive = number('a number above 0', (n) => n > 0 && n < Infinity);
const share = number('above 0 and at most 1', (n) => n > 0 && n <= 1);
const oneOf = (...allowed: readonly unknown[]): Rule => ({
  must: `must be one of ${allowed.map((value) => JSON.stringify(value)).join(', ')}`,
  holds: (value) => allowed.includes(value),
});
const a = (what: string, holds: (value: unknown) => boolean): Rule => ({
  must: `must be ${what}`,
  holds,
});
const isFunction = (value: unknown) => typeof value === 'function';
const isObject = (value: unknown) => typeof value === 'object' && value !== null;

const ownPenaltyRules: Rules<Omit<PenaltyOptions, 'penaltyScope'>> = {
  repetitionPenalty: positive,
  presencePenalty: finite,
  frequencyPenalty: finite,
  noRepeatNgram: whole(1),
  minNewTokens: whole(0),
  logitBias: a('a Map from ids to numbers below Infinity', isBias),
};

const penaltyRules: Rules<PenaltyOptions> = {
  ...ownPenaltyRules,
  penaltyScope: oneOf('answer', 'prompt-and-answer'),
};

const samplingRules: Rules<SamplingOptions> = {
  temperature: number('a number above 0; leave out `sampling` for the likeliest token', (n) => {
    return n > 0 && n < Infinity;
  }),
  topK: whole(1),
  topP: share,
  minP: share,
  minTokensToKeep: whole(1),
  seed: whole(0),
};

const samplerRules: Rules<SamplerOptions> = {
  ...ownPenaltyRules,
  sampling: a('an object', isObject),
  stopTokens: a('a Set of ids', (value) => value instanceof Set),
  prompt: a('a list of ids', Array.isArray),
};

const beamRules: Rules<BeamOptions> = {
  count: whole(1),
  lengthPenalty: finite,
  earlyStopping: oneOf(true, false, 'never'),
};

const generateRules: Rules<GenerateOptions> = {
  ...penaltyRules,
  stopTokens: a('a Set of ids', (value) => value instanceof Set),
  maxNewTokens: whole(1),
  stopWhen: a('a function', isFunction),
  sampling: a('an object', isObject),
  beams: a('a whole number from 1 on, or an object', (value) => {
    return isObject(value) || whole(1).holds(value);
  }),
  sampler: a('a function', isFunction),
  constraint: a('an object', isObject),
  promptLookup: oneOf(true, false),
  topLogprobs: whole(0),
  signal: a('an AbortSignal', (value) => value instanceof AbortSignal),
};

/**
 * Nothing is silently ignored: what cannot be honoured is refused before the model runs.
 *
 * @throws InvalidOptionError
 */
export function checkGenerateOptions(options: GenerateOptions): void {
  check('', options, generateRules, ['stopTokens', 'maxNewTokens']);
  checkSampling(options.sampling);
  if (typeof options.beams === 'object') check('beams.', options.beams, beamRules, ['count']);
  checkTogether(options);
}

/** @throws InvalidOptionError */
export function checkSamplerOptions(options: SamplerOptions): void {
  check('', options, samplerRules);
  checkSampling(options.sampling);
}

/** How many slots a sequence needs for these beams. */
export function beamCount(beams: GenerateOptions['beams']): number {
  return beamOptions(beams).count;
}

/** The settings of a beam search with their defaults. */
export function beamOptions(beams: GenerateOptions['beams'] = 1): Required<BeamOptions> {
  if (typeof beams === 'number') return { count: beams, lengthPenalty: 1, earlyStopping: false };
  const { count, lengthPenalty = 1, earlyStopping = false } = beams;
  return { count, lengthPenalty, earlyStopping };
}

function check<Options extends object>(
  prefix: string,
  options: Options,
  rules: Rules<Options>,
  required: readonly (keyof Options & string)[] = [],
): void {
  const missing = required.find((name) => options[name] === undefined);
  if (missing) {
    throw new InvalidOptionError(`${prefix}${missing}`, undefined, `it ${rules[missing].must}`);
  }
  for (const [name, value] of Object.entries(options)) {
    const rule = (rules as Readonly<Record<string, Rule | undefined>>)[name];
    if (!rule) {
      const known = Object.keys(rules).join(', ');
      throw new InvalidOptionError(
        `${prefix}${name}`,
        value,
        `there is no such option; there are ${known}`,
      );
    }
    if (value === undefined || rule.holds(value)) continue;
    const detail = `it ${rule.must}, but it is ${String(value)}`;
    throw new InvalidOptionError(`${prefix}${name}`, value, detail);
  }
}

function checkSampling(sampling: SamplingOptions | undefined): void {
  if (!sampling) return;
  check('sampling.', sampling, samplingRules);
  const { minTokensToKeep, topK, topP, minP } = sampling;
  if (minTokensToKeep === undefined || topK || topP || minP) return;
  const detail = 'it has no effect without topK, topP or minP';
  throw new InvalidOptionError('sampling.minTokensToKeep', minTokensToKeep, detail);
}

/** Pairs of which one would have no effect. */
function checkTogether(options: GenerateOptions): void {
  const { sampler, beams, minNewTokens = 0, maxNewTokens } = options;
  const { count } = beamOptions(beams);
  const refuse = (name: keyof GenerateOptions, detail: string): never => {
    throw new InvalidOptionError(name, options[name], detail);
  };
  if (minNewTokens > maxNewTokens) {
    refuse('minNewTokens', `${minNewTokens} are more than the ${maxNewTokens} of maxNewTokens`);
  }
  if (options.penaltyScope && !options.repetitionPenalty && !options.noRepeatNgram) {
    refuse('penaltyScope', 'it has no effect without repetitionPenalty or noRepeatNgram');
  }
  if (sampler) {
    const others = ['sampling', ...Object.keys(penaltyRules)] as (keyof GenerateOptions)[];
    const other = others.find((name) => options[name] !== undefined);
    if (other) refuse(other, 'a `sampler` picks tokens by itself. Leave one of them out');
  }
  if (count > 1 && sampler) refuse('sampler', 'it picks one token, but beams need several');
  if (count > 1 && options.constraint) {
    refuse('constraint', 'it follows one answer, but beams are several. Use beams: 1');
  }
  if (count > 1 && options.promptLookup) {
    refuse('promptLookup', 'it reads one answer ahead, but beams are several. Use beams: 1');
  }
  if (options.constraint && minNewTokens > 0) {
    refuse('minNewTokens', 'a `constraint` decides when the answer may end. Leave one of them out');
  }
  if (count > 1 && options.topLogprobs !== undefined) {
    refuse('topLogprobs', 'with beams, tokens are not settled as they come. Use beams: 1');
  }
  if (count === 1 && typeof beams === 'object' && Object.keys(beams).length > 1) {
    refuse('beams', 'lengthPenalty and earlyStopping need a count of at least 2');
  }
}

function isBias(value: unknown): boolean {
  if (!(value instanceof Map)) return false;
  return [...value].every(([id, added]) => whole(0).holds(id) && added < Infinity);
}
