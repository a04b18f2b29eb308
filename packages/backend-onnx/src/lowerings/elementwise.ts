import type { Activation } from '@lingbi/core';
import type { LowerOp } from '../lowering.ts';
import type { Attributes } from '../model-writer.ts';

export const add: LowerOp<'add'> = ({ inputs: [a, b], outputs: [out] }, { model, name }) =>
  model.node('Add', [name(a!), name(b!)], [name(out!)]);

export const multiply: LowerOp<'multiply'> = (
  { inputs: [a, b], outputs: [out] },
  { model, name },
) => model.node('Mul', [name(a!), name(b!)], [name(out!)]);

export const scale: LowerOp<'scale'> = (
  { inputs: [x], outputs: [out], attributes },
  { model, name },
) => model.node('Mul', [name(x!), model.float(attributes.factor)], [name(out!)]);

export const activate: LowerOp<'activate'> = (
  { inputs: [x], outputs: [out], attributes },
  { model, name },
) => {
  const [operator, options] = activations[attributes.activation];
  model.node(operator, [name(x!)], [name(out!)], options);
};

/** QuickGelu is x · σ(alpha x): with alpha 1 that is SiLU. */
const silu: [string, Attributes] = ['QuickGelu', { alpha: { float: 1 } }];
const activations: Readonly<Record<Activation, [string, Attributes]>> = {
  gelu: ['Gelu', {}],
  quickGelu: ['QuickGelu', { alpha: { float: 1.702 } }],
  silu,
};

export const swiglu: LowerOp<'swiglu'> = (
  { inputs: [gate, up], outputs: [out] },
  { model, name, add },
) => model.node('Mul', [add(silu[0], [name(gate!)], silu[1]), name(up!)], [name(out!)]);
