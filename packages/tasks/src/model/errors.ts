/** A folder is not a checkpoint that can be opened, or a name is not a folder. */
export class ModelNotFoundError extends Error {
  override readonly name = 'ModelNotFoundError';
  constructor(
    readonly model: string,
    detail: string,
    options?: ErrorOptions,
  ) {
    super(`Cannot open the model "${model}": ${detail}`, options);
  }
}

/** A checkpoint is packed by somebody else's quantisation; it has to be converted once. */
export class PackedModelError extends Error {
  override readonly name = 'PackedModelError';
  constructor(
    readonly model: string,
    readonly packing: 'AWQ' | 'GPTQ',
  ) {
    super(
      `Cannot open the model "${model}": it is packed by ${packing}, which no backend reads as it is. ` +
        `Convert it, and open what that writes: lingbi convert "${model}" "${model}-lingbi"`,
    );
  }
}

/** A model or chat is used after its scope has ended. */
export class DisposedError extends Error {
  override readonly name = 'DisposedError';
  constructor(what: 'model' | 'chat') {
    super(`This ${what} has been disposed: open another, or keep it in a longer scope`);
  }
}
