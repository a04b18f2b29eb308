/** A model was written in a way that cannot run: shapes that do not fit, tensors of another graph. */
export class GraphError extends Error {
  override readonly name = 'GraphError';
}
