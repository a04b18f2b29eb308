/** A folder holds no LoRA adapter that this model can take. */
export class AdapterError extends Error {
  override readonly name = 'AdapterError';
  constructor(
    readonly folder: string,
    detail: string,
  ) {
    super(`Cannot use the adapter in "${folder}": ${detail}`);
  }
}
