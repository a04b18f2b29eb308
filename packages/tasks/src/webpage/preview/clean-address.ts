/** Addresses that a page without scripts may hold. */

/** Styles that the published pages link (spec RECIPES §3.1): Tailwind's own file, whatever its version. */
const tailwind =
  /^https:\/\/cdn\.jsdelivr\.net\/npm\/tailwindcss@\d+(\.\d+){0,2}\/dist\/tailwind(\.min)?\.css$/;

/** Pictures within the page; SVG is a document of its own and stays out. */
const pictureData = /^data:image\/(png|jpeg|gif|webp|avif);base64,[a-z\d+/=]*$/i;

/** Where a link may lead: the web, a mail program, a place in the page. */
export function linkAddress(value: string): string | undefined {
  if (/^#[^\s]*$/.test(value)) return value;
  return absolute(value, ['http:', 'https:', 'mailto:']);
}

/** What a picture may be loaded from. */
export function pictureAddress(value: string): string | undefined {
  return pictureData.test(value) ? value : absolute(value, ['http:', 'https:']);
}

export function stylesheetAddress(value: string): string | undefined {
  const address = absolute(value, ['https:']);
  return address !== undefined && tailwind.test(address) ? address : undefined;
}

/** As the browser will read it, so that no tab or line feed hides a scheme; relative ones have none. */
function absolute(value: string, schemes: readonly string[]): string | undefined {
  if (!URL.canParse(value)) return undefined;
  const url = new URL(value);
  return schemes.includes(url.protocol) ? url.href : undefined;
}
