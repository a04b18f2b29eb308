import type { Checkpoint, StoredTensor } from './checkpoint.ts';
import { WeightMapError } from './errors.ts';
import { countNumbers } from './stored-dtype.ts';

/**
 * How one of our weights is made of a checkpoint's tensors. Plain data: a model family's weight map
 * is a record of these, and holds every quirk of its checkpoints.
 */
export type WeightExpression =
  /** A tensor as it is. */
  | { readonly from: string }
  /** One under the other: `[a, …]` and `[b, …]` make `[a + b, …]`. */
  | { readonly stackRows: readonly WeightExpression[] }
  /** Side by side: `[rows, a]` and `[rows, b]` make `[rows, a + b]`. */
  | { readonly stackColumns: readonly WeightExpression[] }
  | RegroupHeads
  /** The same numbers in the same order under another shape. */
  | { readonly reshape: WeightExpression; readonly shape: readonly number[] };

/**
 * InternLM2 keeps a key and a value head right behind the query heads that share them, group by
 * group (spec MODEL §3.1). This puts all queries first, then all keys, then all values. Rows are
 * `[kvHeads × (queriesPerGroup + 2) × headDim, …]`, before and after.
 */
export interface RegroupHeads {
  readonly regroupHeads: WeightExpression;
  readonly kvHeads: number;
  readonly queriesPerGroup: number;
  readonly headDim: number;
}

/** Our names for weights, and what each is made of. */
export type WeightMap = Readonly<Record<string, WeightExpression>>;

/** The checkpoint's names an expression needs, each once. */
export function namesIn(expression: WeightExpression): string[] {
  return [...new Set(expressionLeaves(expression))];
}

function expressionLeaves(expression: WeightExpression): string[] {
  if ('from' in expression) return [expression.from];
  if ('stackRows' in expression) return expression.stackRows.flatMap(expressionLeaves);
  if ('stackColumns' in expression) return expression.stackColumns.flatMap(expressionLeaves);
  if ('regroupHeads' in expression) return expressionLeaves(expression.regroupHeads);
  if ('reshape' in expression) return expressionLeaves(expression.reshape);
  throw expression satisfies never;
}

/**
 * The shape and number format of an expression's result, and where it stands if some file holds it
 * as it is. Parts of different formats make float32.
 *
 * @throws WeightMapError when shapes do not fit together.
 */
export function describeExpression(
  expression: WeightExpression,
  checkpoint: Pick<Checkpoint, 'describe'>,
): StoredTensor {
  const describe = (part: WeightExpression) => describeExpression(part, checkpoint);
  if ('from' in expression) return checkpoint.describe(expression.from);
  if ('stackRows' in expression) return stackedRows(expression.stackRows.map(describe));
  if ('stackColumns' in expression) return stackedColumns(expression.stackColumns.map(describe));
  if ('regroupHeads' in expression) return regrouped(describe(expression.regroupHeads), expression);
  if ('reshape' in expression) return reshaped(describe(expression.reshape), expression.shape);
  throw expression satisfies never;
}

function stackedRows(parts: readonly StoredTensor[]): StoredTensor {
  const [, ...rest] = parts[0]?.shape ?? [];
  const fits = parts.every(
    ({ shape }) => shape.length > 0 && shape.slice(1).join() === rest.join(),
  );
  if (parts.length === 0 || !fits) throw unfit('stack the rows of', parts);
  const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
  return { dtype: commonDType(parts), shape: [rows, ...rest] };
}

function stackedColumns(parts: readonly StoredTensor[]): StoredTensor {
  const rows = parts[0]?.shape[0];
  const fits = parts.every(({ shape }) => shape.length === 2 && shape[0] === rows);
  if (rows === undefined || !fits) throw unfit('put side by side', parts);
  const columns = parts.reduce((sum, { shape }) => sum + shape[1]!, 0);
  return { dtype: commonDType(parts), shape: [rows, columns] };
}

function regrouped({ dtype, shape }: StoredTensor, heads: RegroupHeads): StoredTensor {
  const { kvHeads, queriesPerGroup, headDim } = heads;
  const rows = kvHeads * (queriesPerGroup + 2) * headDim;
  if (shape[0] === rows) return { dtype, shape };
  throw new WeightMapError(
    `Cannot regroup the heads of [${shape}]: ${kvHeads} groups of ${queriesPerGroup} queries, a key and a value ` +
      `of ${headDim} rows take ${rows} rows. The configuration and the weights belong to different models`,
  );
}

function reshaped(tensor: StoredTensor, shape: readonly number[]): StoredTensor {
  if (countNumbers(tensor.shape) === countNumbers(shape)) return { ...tensor, shape };
  throw new WeightMapError(
    `Cannot reshape [${tensor.shape}] to [${shape}]: the numbers differ in count`,
  );
}

function commonDType(parts: readonly StoredTensor[]): StoredTensor['dtype'] {
  const [first, ...others] = parts.map(({ dtype }) => dtype);
  return others.every((dtype) => dtype === first) ? first! : 'float32';
}

function unfit(action: string, parts: readonly StoredTensor[]): WeightMapError {
  const shapes = parts.map(({ shape }) => `[${shape}]`).join(', ');
  return new WeightMapError(
    `Cannot ${action} ${shapes || 'nothing'}: their shapes do not fit together`,
  );
}
