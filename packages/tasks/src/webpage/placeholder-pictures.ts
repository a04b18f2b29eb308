/** A picture that a page wants and the model has no address for. */
export interface WantedPicture {
  readonly width: number;
  readonly height: number;
  /** What the model would see there, such as `lab,logo`. */
  readonly keywords: string;
}

/**
 * What stands in for wanted pictures: random photographs (picsum.photos, as the reference does),
 * grey boxes with their size (placehold.co), the address the model wrote (which is gone), or an
 * address of the caller's: a file, a search result, a generated picture as data URI.
 */
export type PagePictures =
  | 'random'
  | 'placeholder'
  | 'keep'
  | { readonly local: (wanted: WantedPicture) => string | Promise<string> };

/**
 * The addresses that the model learnt to write (spec RECIPES §3). The keywords end at a quote, and
 * also where an address without quotes must: the reference would eat the page up to the next quote.
 */
const wantedPicture = /https:\/\/source\.unsplash\.com\/random\/(\d+)x(\d+)\/\?([^'"<>)\n]+)/g;

/** The page with addresses for its pictures; everything else stays to the byte. */
export async function replacePictures(html: string, pictures: PagePictures): Promise<string> {
  const parts: string[] = [];
  let end = 0;
  for (const match of html.matchAll(wantedPicture)) {
    parts.push(html.slice(end, match.index), await addressFor(match, pictures));
    end = match.index + match[0].length;
  }
  return parts.join('') + html.slice(end);
}

async function addressFor(match: RegExpExecArray, pictures: PagePictures): Promise<string> {
  const [address, width, height, keywords] = match as unknown as [string, string, string, string];
  if (typeof pictures === 'object') {
    const wanted = { width: Number(width), height: Number(height), keywords };
    return quotable(await pictures.local(wanted));
  }
  switch (pictures) {
    case 'random':
      return `https://picsum.photos/${width}/${height}`;
    case 'placeholder':
      return `https://placehold.co/${width}x${height}`;
    case 'keep':
      return address;
    default:
      throw new TypeError(
        `pictures is ${pictures satisfies never}; it should be 'random', 'placeholder', 'keep' or { local }`,
      );
  }
}

/** An address that cannot end the attribute or the CSS `url()` it is written into. */
function quotable(address: string): string {
  const escapes: Record<string, string> = {
    ...{ '"': '%22', "'": '%27', '<': '%3C', '>': '%3E' },
    ...{ '(': '%28', ')': '%29', ' ': '%20', '\n': '%0A' },
  };
  return address.replace(/["'<>() \n]/g, (character) => escapes[character]!);
}
