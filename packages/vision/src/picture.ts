/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A decoded picture: three bytes a pixel, red, green, blue, row by row, nothing between the rows. */
export interface Picture extends Size {
  /** [height, width, 3] */
  readonly data: Uint8Array;
}
