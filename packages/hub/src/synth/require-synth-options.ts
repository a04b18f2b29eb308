import {
  choiceRules,
  ofType,
  oneOf,
  type Rules,
  requireFormats,
  requireRules,
  wholeFrom,
  writingRules,
} from '../convert/require-options.ts';
import { synthShapes } from './shapes.ts';
import type { SynthOptions } from './synth-checkpoint.ts';

const shapeNames = Object.keys(synthShapes);

const synthRules: Rules<SynthOptions> = {
  ...choiceRules,
  ...writingRules,
  weights: oneOf('int4', 'int8', 'f16', 'f32', 'bf16'),
  vision: oneOf('none', 'f32', 'int8'),
  shape: {
    must: `it should be sizes of your own, ${shapeNames.map((name) => JSON.stringify(name)).join(' or ')}`,
    holds: (value) =>
      typeof value === 'string'
        ? shapeNames.includes(value)
        : typeof value === 'object' && value !== null,
  },
  loraRanks: ofType('object'),
  seed: wholeFrom(0),
  tokenizer: ofType('object'),
};

/** @throws TypeError for an option that is not known, InvalidOptionError for a value that none can have. */
export function requireSynthOptions(options: SynthOptions): void {
  requireRules('synthCheckpoint', options, synthRules);
  requireFormats('synthCheckpoint', options);
}
