export type { TiledImage } from './models/tiled-image.ts';
