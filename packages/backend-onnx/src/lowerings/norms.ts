import type { NodeOf } from '@lingbi/core';
import type { Lowering, LowerOp } from '../lowering.ts';

/** SimplifiedLayerNormalization is ONNX Runtime's name for it. */
export const rmsNorm: LowerOp<'rmsNorm'> = (
  { inputs: [x], outputs: [out], attributes: { weight, epsilon } },
  { model, name, dense },
) =>
  model.node('SimplifiedLayerNormalization', [name(x!), dense(weight, 'rmsNorm')], [name(out!)], {
    axis: -1,
    epsilon: { float: epsilon },
  });

/** A sum and its norm in one pass over memory; both are results. */
export function addRmsNorm(
  sum: NodeOf<'add'>,
  norm: NodeOf<'rmsNorm'>,
  { model, name, dense }: Lowering,
): void {
  const { weight, epsilon } = norm.attributes;
  model.node(
    'SkipSimplifiedLayerNormalization',
    [...sum.inputs.map(name), dense(weight, 'rmsNorm')],
    // Between them stand the mean and the inverse deviation, which nobody asks for.
    [name(norm.outputs[0]!), '', '', name(sum.outputs[0]!)],
    { epsilon: { float: epsilon } },
  );
}

export const layerNorm: LowerOp<'layerNorm'> = (
  { inputs: [x], outputs: [out], attributes: { weight, bias, epsilon } },
  { model, name, dense },
) =>
  model.node(
    'LayerNormalization',
    [name(x!), dense(weight, 'layerNorm'), dense(bias, 'layerNorm')],
    [name(out!)],
    { axis: -1, epsilon: { float: epsilon } },
  );
