/** A checkpoint's config.json does not say what its model needs to know. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export type ConfigFields = Readonly<Record<string, unknown>>;

interface FieldTypes {
  number: number;
  boolean: boolean;
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

/** A field that repeats what the tensors say must say the same; it may be left out. */
export function requireEqual(fields: ConfigFields, name: string, expected: unknown): void {
  const found = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (found === undefined || found === null || found === expected) return;
  throw new ConfigError(
    `config.json holds ${name}: ${JSON.stringify(found)}, but the checkpoint's tensors are for ${JSON.stringify(expected)}`,
  );
}

export function requirePositive(name: string, value: number): number {
  if (value > 0 && Number.isFinite(value)) return value;
  throw new ConfigError(`config.json holds ${name}: ${value}, but it should be above 0`);
}

/** A count of equal parts. */
export function requireDivisor(name: string, parts: number, whole: number, of: string): void {
  if (Number.isInteger(parts) && parts > 0 && whole % parts === 0) return;
  throw new ConfigError(
    `config.json makes ${name} ${parts}, but it should be a whole number that divides ${whole} ${of}`,
  );
}
