/** What of JSON Schema an answer can be held to; the engine would pass over the rest in silence. */
import { checkClasses } from './check-classes.ts';
import { UnsupportedSchemaError } from './errors.ts';
import type { JsonSchema } from './response-format.ts';

/** Say nothing about what is valid. */
const annotations = [
  ...['title', 'description', 'default', 'examples', '$schema', '$id', '$comment'],
  ...['deprecated', 'readOnly', 'writeOnly'],
];
const anywhere = ['type', 'enum', 'const', 'anyOf', '$ref', '$defs', 'definitions'];
const byType: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'pattern'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
};
const supported = new Set([...annotations, ...anywhere, ...Object.values(byType).flat()]);

/** Numbers beyond this are not exact. */
const LARGEST = 10 ** 15 - 1;

/**
 * The schema as the engine honours it: what it would misread is written otherwise.
 *
 * @throws UnsupportedSchemaError naming the place and the keyword.
 */
export function checkSchema(schema: unknown, path = ''): JsonSchema | boolean {
  if (typeof schema === 'boolean') return refuse(path, String(schema), 'Give a schema');
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    return refuse(path, JSON.stringify(schema), 'A schema is an object');
  }
  const given = schema as JsonSchema;
  for (const keyword of Object.keys(given)) requireKnown(keyword, given, path);
  checkPattern(given, path);
  checkAdditional(given, path);
  return { ...given, ...boundedInteger(given), ...checkedParts(given, path) };
}

function requireKnown(keyword: string, schema: JsonSchema, path: string): void {
  if (!supported.has(keyword)) {
    refuse(path, keyword, `An answer can be held to ${[...supported].join(', ')}`);
  }
  const owner = Object.keys(byType).find((type) => byType[type]!.includes(keyword));
  if (owner === undefined || schema['type'] === owner) return;
  refuse(path, keyword, `It needs "type": "${owner}" beside it`);
}

/** The engine takes an expression as it is, so what it matches must not need to be escaped in JSON. */
function checkPattern(schema: JsonSchema, path: string): void {
  const { pattern } = schema;
  if (pattern === undefined) return;
  if (schema['minLength'] !== undefined || schema['maxLength'] !== undefined) {
    refuse(path, 'pattern', 'Leave out minLength and maxLength: say it in the pattern');
  }
  const text = String(pattern);
  if (!/^\^.*\$$/s.test(text)) refuse(path, 'pattern', 'It must begin with ^ and end with $');
  checkClasses('JSON schema', text);
  if (!mayNeedEscapes(text)) return;
  refuse(
    path,
    'pattern',
    'It may match quotes or backslashes: name the characters, as in [a-z0-9 ]',
  );
}

/** Whether it has a dot, a class of what is not meant, or names what JSON escapes. */
function mayNeedEscapes(pattern: string): boolean {
  const hasControl = Array.from(pattern).some((character) => character < ' ');
  return hasControl || /\.|\[\^|\\[^dw+*?()[\]{}|/$^-]|"/.test(pattern.replaceAll('\\.', ''));
}

/** A further property might repeat one that is described, with another value. */
function checkAdditional({ properties, additionalProperties }: JsonSchema, path: string): void {
  if (additionalProperties === undefined || additionalProperties === false) return;
  if (properties === undefined) return;
  const advice = 'Beside properties it can only be false, which is the default';
  refuse(path, 'additionalProperties', advice);
}

/** With one bound alone the engine lets numbers of fewer digits through. */
function boundedInteger(schema: JsonSchema): JsonSchema {
  const bounds = ['minimum', 'exclusiveMinimum', 'maximum', 'exclusiveMaximum'];
  if (schema['type'] !== 'integer' || !bounds.some((bound) => bound in schema)) return {};
  const hasLower = 'minimum' in schema || 'exclusiveMinimum' in schema;
  const hasUpper = 'maximum' in schema || 'exclusiveMaximum' in schema;
  return { ...(!hasLower && { minimum: -LARGEST }), ...(!hasUpper && { maximum: LARGEST }) };
}

function checkedParts(schema: JsonSchema, path: string): JsonSchema {
  const parts: Record<string, unknown> = {};
  for (const keyword of ['properties', '$defs', 'definitions']) {
    const named = schema[keyword];
    if (named === undefined) continue;
    parts[keyword] = Object.fromEntries(
      Object.entries(named as object).map(([name, part]) => {
        return [name, checkSchema(part, `${path}/${keyword}/${name}`)];
      }),
    );
  }
  for (const keyword of ['anyOf', 'prefixItems']) {
    const list = schema[keyword];
    if (!Array.isArray(list)) continue;
    parts[keyword] = list.map((part, index) => checkSchema(part, `${path}/${keyword}/${index}`));
  }
  for (const keyword of ['items', 'additionalProperties']) {
    const part = schema[keyword];
    if (typeof part === 'object') parts[keyword] = checkSchema(part, `${path}/${keyword}`);
  }
  return parts;
}

function refuse(path: string, keyword: string, advice: string): never {
  throw new UnsupportedSchemaError(path, keyword, advice);
}
