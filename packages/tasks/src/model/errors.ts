/** A folder is not a checkpoint that can be opened, or a name is not a folder. */
export class ModelNotFoundError extends Error {
  override readonly name = 'ModelNotFoundError';
  constructor(
    readonly model: string,
    detail: string,
  ) {
    super(`Cannot open the model "${model}": ${detail}`);
  }
}
