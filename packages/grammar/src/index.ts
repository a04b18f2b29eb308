export { GrammarError, UnsupportedSchemaError } from './errors.ts';
export { createGrammars, type Grammars, type GrammarVocabulary } from './grammars.ts';
export type { JsonSchema, ResponseFormat } from './response-format.ts';
