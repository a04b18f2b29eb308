import type { LowerOp } from '../lowering.ts';

/** ONNX's operators on pictures want a batch in front, [batch, channels, height, width]. */
const BATCH_AXIS = 0;

export const conv2d: LowerOp<'conv2d'> = (
  { inputs: [x], outputs: [out], attributes: { weight, bias, stride } },
  { model, name, add, dense },
) => {
  const axis = model.int64s(BATCH_AXIS);
  const operands = [add('Unsqueeze', [name(x!), axis]), dense(weight, 'conv2d')];
  if (bias) operands.push(dense(bias, 'conv2d'));
  const batched = add('Conv', operands, { strides: [stride, stride] });
  model.node('Squeeze', [batched, axis], [name(out!)]);
};

export const resizeGrid: LowerOp<'resizeGrid'> = (
  { inputs: [x], outputs: [out], attributes: { height, width } },
  { model, name, add },
) => {
  const axis = model.int64s(BATCH_AXIS);
  const channels = x!.shape[0] as number;
  const sizes = model.int64s(1, channels, height, width);
  const grid = add('Unsqueeze', [name(x!), axis]);
  const batched = add('Resize', [grid, '', '', sizes], {
    mode: 'cubic',
    cubic_coeff_a: { float: -0.75 },
    coordinate_transformation_mode: 'half_pixel',
  });
  model.node('Squeeze', [batched, axis], [name(out!)]);
};
