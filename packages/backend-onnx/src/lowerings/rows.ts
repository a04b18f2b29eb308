import type { LowerOp } from '../lowering.ts';
import { elementTypes } from '../model-writer.ts';
import { keptRows } from '../run-inputs.ts';

export const parameter: LowerOp<'parameter'> = (
  { outputs: [out], attributes: { weight } },
  { model, name, dense },
) => model.node('Identity', [dense(weight, 'parameter')], [name(out!)]);

export const embed: LowerOp<'embed'> = (
  { inputs: [ids], outputs: [out], attributes: { table } },
  { model, name, fresh, table: tableOf },
) => {
  const { name: rows, type } = tableOf(table);
  const isFloat32 = type === 'float32';
  const found = isFloat32 ? name(out!) : fresh('rows');
  model.node('Gather', [rows, name(ids!)], [found], { axis: 0 });
  if (!isFloat32) model.node('Cast', [found], [name(out!)], { to: elementTypes.float32 });
};

export const takeRows: LowerOp<'takeRows'> = (
  { inputs: [x, indices], outputs: [out] },
  { model, name },
) => model.node('Gather', [name(x!), name(indices!)], [name(out!)], { axis: 0 });

export const putRows: LowerOp<'putRows'> = (
  { inputs: [x, indices, values], outputs: [out] },
  { model, name, add },
) => {
  const wide = add('Cast', [name(indices!)], { to: elementTypes.int64 }); // as ScatterND wants it
  const places = add('Unsqueeze', [wide, model.int64s(1)]);
  model.node('ScatterND', [name(x!), places, name(values!)], [name(out!)]);
};

export const lastToken: LowerOp<'lastToken'> = (
  { inputs: [x], outputs: [out] },
  { model, name },
) => {
  model.input(keptRows, 'int64', ['sequences']);
  model.node('Gather', [name(x!), keptRows], [name(out!)], { axis: 0 });
};

export const topK: LowerOp<'topK'> = (
  { inputs: [x], outputs: [values, indices], attributes: { k } },
  { model, name, fresh },
) => {
  const wide = fresh('indices');
  model.node('TopK', [name(x!), model.int64s(k)], [name(values!), wide], { axis: -1 });
  model.node('Cast', [wide], [name(indices!)], { to: elementTypes.int32 }); // as the contract says
};
