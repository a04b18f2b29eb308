import { weightRole } from '../models/xcomposer/weight-roles.ts';
import type { BlockEncoding, WeightDescription } from '../weights/weight-source.ts';
import type { PlannedModel } from './describe-model.ts';
import type { BudgetAdvice } from './memory-budget-error.ts';

/** As `lingbi convert --weights` stores the decoder's matrices by default. */
const formats: Readonly<Record<'int8' | 'int4', BlockEncoding>> = {
  int8: { kind: 'blocks', bits: 8, blockSize: 128, zeroPoints: false, scales: 'float16' },
  int4: { kind: 'blocks', bits: 4, blockSize: 128, zeroPoints: true, scales: 'float16' },
};

/** The largest format of converted weights that would make a model fit, if one does. */
export function weightsAdvice(
  model: PlannedModel,
  fits: (model: PlannedModel) => boolean,
): BudgetAdvice[] {
  const names = Object.keys(formats) as (keyof typeof formats)[];
  const value = names.find((name) => fits(converted(model, formats[name])));
  return value ? [{ setting: 'weights', value }] : [];
}

function converted(model: PlannedModel, encoding: BlockEncoding): PlannedModel {
  const describe = (name: string): WeightDescription => {
    const stored = model.weights.describe(name);
    if (!isDecoderMatrix(name) || bitsOf(stored) <= encoding.bits) return stored;
    return { ...stored, encoding, at: { values: anywhere } };
  };
  return { ...model, weights: { describe } };
}

/** Converted weights can be used where they stand in their files; which those are does not matter. */
const anywhere = { file: '', offset: 0, length: 0 };

function isDecoderMatrix(name: string): boolean {
  return ['linear', 'head'].includes(weightRole(name));
}

function bitsOf({ encoding }: WeightDescription): number {
  if (encoding.kind === 'blocks') return encoding.bits;
  return encoding.kind === 'channels' ? 8 : 16;
}
