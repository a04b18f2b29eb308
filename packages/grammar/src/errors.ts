/** A schema, regular expression or grammar cannot be read. */
export class GrammarError extends Error {
  override readonly name = 'GrammarError';
  constructor(
    /** `'JSON schema'`, `'regular expression'` or `'grammar'`. */
    readonly kind: string,
    detail: string,
  ) {
    super(`This ${kind} cannot be followed: ${detail}`);
  }
}

/** A schema says something that an answer could not be held to while it is written. */
export class UnsupportedSchemaError extends GrammarError {
  constructor(
    /** Where it stands, as a JSON pointer: `'/properties/age'`. */
    readonly path: string,
    readonly keyword: string,
    advice: string,
  ) {
    super('JSON schema', `"${keyword}" at ${path || 'its root'} is not supported. ${advice}`);
  }
}
