/** A checkpoint's config.json does not say what its model needs to know. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export type ConfigFields = Readonly<Record<string, unknown>>;

interface FieldTypes {
  number: number;
  string: string;
  object: ConfigFields;
}

/** @throws ConfigError when the field is missing or of another type. */
export function field<Type extends keyof FieldTypes>(
  fields: ConfigFields,
  name: string,
  type: Type,
): FieldTypes[Type] {
  const value = optionalField(fields, name, type);
  if (value !== undefined) return value;
  throw new ConfigError(`config.json has no ${name}: it should be a ${type}`);
}

/** Undefined when the field is missing or null. */
export function optionalField<Type extends keyof FieldTypes>(
  fields: ConfigFields,
  name: string,
  type: Type,
): FieldTypes[Type] | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined || value === null) return undefined;
  if (typeof value === type) return value as FieldTypes[Type];
  throw new ConfigError(
    `config.json holds ${name}: ${JSON.stringify(value)}, but it should be a ${type}`,
  );
}
