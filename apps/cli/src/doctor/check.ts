export interface Check {
  readonly name: string;
  /** `missing` things are optional; `bad` ones are needed by every use. */
  readonly state: 'good' | 'missing' | 'bad';
  readonly detail: string;
  /** The command or setting that mends it. */
  readonly fix?: string;
}

/** Our errors end in what mends them. */
export function failed(
  name: string,
  state: 'missing' | 'bad',
  error: unknown,
  fix?: string,
): Check {
  const detail = error instanceof Error ? error.message : String(error);
  return { name, state, detail, ...(fix && { fix }) };
}
