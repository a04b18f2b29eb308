/** The first three of them, and how many there are besides. */
export function listNames(names: readonly string[]): string {
  const rest = names.length - 3;
  const more = rest > 0 ? ` and ${rest} more` : '';
  return `${names.slice(0, 3).join(', ')}${more}`;
}
