// A picture goes through these folders in the order of the alphabet:
// bytes → decode → layout → resize → tiles.
export { type LoadBytesOptions, loadBytes } from './bytes/load-bytes.ts';
export { describeSource, type PictureSource, type RawPixels } from './bytes/picture-source.ts';
export type { WebAccess } from './bytes/web-access.ts';
export type { Orientation, SixteenBitGrey } from './decode/decode.ts';
export {
  DamagedPictureError,
  NotAPictureError,
  PictureDownloadError,
  PictureError,
  PictureLimitError,
  PictureNotReadableError,
  SharpMissingError,
  UnsupportedPictureError,
  WebAddressRefusedError,
} from './errors.ts';
export { type Padding, type PicturePlan, planPicture } from './layout/plan.ts';
export {
  chatPreset,
  type HdPreset,
  type Preset,
  type Presets,
  presets,
  type SquarePreset,
  type StripPreset,
  vlmEvalKitPreset,
} from './layout/presets.ts';
export type { Grid } from './layout/tokens.ts';
export { defaultLimits, type PictureLimits } from './limits.ts';
export { type LoadOptions, loadTiledImage } from './load-tiled-image.ts';
export type { Picture, Size } from './picture.ts';
export { type ReadOptions, readPicture } from './read-picture.ts';
export type { Media } from './reading.ts';
export { createResizer, type ResizeOptions, type Resizer } from './resize/resizer.ts';
export type { Filter } from './resize/taps.ts';
export {
  type TiledPicture,
  type TileOptions,
  tileCanvas,
  tilePicture,
} from './tiles/tile-picture.ts';
export { type PictureTensor, tileTensor } from './tiles/tile-tensor.ts';
