/**
 * Where a video may come from. A string is a path, unless it begins with `data:`, `http://`,
 * `https://` or `file://`. What a video is, its content decides, never its name.
 */
export type VideoSource = string | URL | Uint8Array | ArrayBuffer | Blob;

/** A video whose bytes can be had as often as needed. */
export type VideoBytes =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'memory'; readonly blob: Blob };
