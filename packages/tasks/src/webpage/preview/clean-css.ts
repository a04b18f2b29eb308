/** Styles that load nothing and run nothing. */

/** Functions and rules that fetch, run or bind; `<` could end the element that holds the style. */
const dangerous =
  /url\s*\(|src\s*\(|image\s*\(|image-set\s*\(|cross-fade\s*\(|element\s*\(|expression\s*\(|@import|@namespace|@font-face|@document|@charset|behavior\s*:|-moz-binding|javascript\s*:|vbscript\s*:|</i;

/** A piece between the marks that part rules and declarations. */
const pieces = /[^;{}]+/g;

/**
 * The style without the declarations and rules that could fetch or run something. Escapes could
 * spell such words unseen, and comments could part them, so a style with escapes goes as a whole and
 * comments go first.
 */
export function cleanCss(css: string): string {
  const bare = css.replaceAll(/\/\*[\s\S]*?\*\//g, ' ');
  if (bare.includes('\\') || bare.includes('/*')) return '';
  const clean = bare.replaceAll(pieces, (piece) => (dangerous.test(piece) ? '' : piece));
  return dangerous.test(clean) ? '' : clean;
}
