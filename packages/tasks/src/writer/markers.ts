/** What recipes delete from an answer (spec RECIPES §3). */
const turnMarkers = ['[UNUSED_TOKEN_145]', '[UNUSED_TOKEN_146]'];

/** The text without the marks of turns, wherever they stand. */
export function deleteTurnMarkers(text: string): string {
  return turnMarkers.reduce((rest, marker) => rest.replaceAll(marker, ''), text);
}

/** What stands for a picture in a prompt; removed before tokenizing (spec CHAT §1). */
export const imageHere = '<ImageHere>';

/**
 * Text that goes into a prompt as content: written by a model or a third person, it must not place
 * pictures.
 */
export function withoutPlaces(text: string): string {
  return text.replaceAll(imageHere, '');
}
