/**
 * Nothing is silently ignored: an option we do not know is an error that lists the ones we do.
 *
 * @throws TypeError
 */
export function requireKnown(call: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).filter((key) => !known.includes(key));
  if (unknown.length === 0) return;
  throw new TypeError(
    `${call}: unknown option ${unknown.join(', ')}. It takes ${known.join(', ')}`,
  );
}
