import { GrammarError } from './errors.ts';

/**
 * The engine cuts characters beyond ASCII to a byte where they stand in a class such as `[一-龥]`, and
 * would let others through.
 *
 * @throws GrammarError naming the class.
 */
export function checkClasses(kind: string, text: string): void {
  const outsideOfTexts =
    kind === 'grammar' ? text.replaceAll(/"(?:\\.|[^"\\\n])*"|#.*/g, '') : text;
  for (const [found] of outsideOfTexts.matchAll(/\[(?:\\.|[^\]\\])*\]/g)) {
    if (isAscii(found)) continue;
    throw new GrammarError(
      kind,
      `the class ${found} names characters beyond ASCII. Write alternatives, such as (中|文), or [^ -~] for all of them`,
    );
  }
}

function isAscii(text: string): boolean {
  const escapes = text.matchAll(/\\[xuU]\{?([0-9a-fA-F]+)/g);
  const codes = [...escapes].map(([, digits]) => Number.parseInt(digits!, 16));
  return [...codes, ...Array.from(text, (character) => character.codePointAt(0)!)].every(
    (code) => code < 0x80,
  );
}
