import type { LowerOp } from '../lowering.ts';

/** The one length without a number is left to ONNX Runtime, as −1. */
export const reshape: LowerOp<'reshape'> = (
  { inputs: [x], outputs: [out], attributes: { shape } },
  { model, name },
) => {
  const lengths = shape.map((dim) => (typeof dim === 'number' ? dim : -1));
  model.node('Reshape', [name(x!), model.int64s(...lengths)], [name(out!)]);
};

export const transpose: LowerOp<'transpose'> = (
  { inputs: [x], outputs: [out], attributes: { order } },
  { model, name },
) => model.node('Transpose', [name(x!)], [name(out!)], { perm: order });

export const concat: LowerOp<'concat'> = (
  { inputs, outputs: [out], attributes: { axis } },
  { model, name },
) => model.node('Concat', inputs.map(name), [name(out!)], { axis });

export const slice: LowerOp<'slice'> = (
  { inputs: [x], outputs: [out], attributes: { axis, start, end } },
  { model, name },
) => {
  const bounds = [start, end, axis].map((value) => model.int64s(value));
  model.node('Slice', [name(x!), ...bounds], [name(out!)]);
};
