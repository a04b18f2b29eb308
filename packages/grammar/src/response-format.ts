/** What an answer must look like. */
export type ResponseFormat =
  /** JSON that fits a schema; an object of any kind without one. Written on one line. */
  | { readonly type: 'json'; readonly schema?: JsonSchema }
  /** Text that matches a regular expression as a whole. */
  | { readonly type: 'regex'; readonly pattern: string }
  /** Text of a grammar in EBNF, as XGrammar and GBNF write it; `root` names its first rule. */
  | { readonly type: 'grammar'; readonly grammar: string; readonly root?: string };

/** See `checkSchema` for what of JSON Schema (2020-12) can be held. */
export type JsonSchema = Readonly<Record<string, unknown>>;
