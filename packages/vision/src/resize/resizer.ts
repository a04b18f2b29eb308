import { checkPicture, checkSize } from '../check.ts';
import type { Picture, Size } from '../picture.ts';
import type { Filter } from './taps.ts';
import { typescriptPasses } from './typescript.ts';
import { openWasmPasses } from './wasm.ts';

/** How to resize. Everything has the default of InternLM-XComposer-2.5. */
export interface ResizeOptions {
  readonly filter?: Filter;
  /**
   * Which axis is resampled, and rounded to bytes, first. Pillow begins with `'horizontal'`;
   * `'vertical'` gives the bytes of a picture that was turned before and after.
   */
  readonly firstPass?: 'horizontal' | 'vertical';
}

/** Resizes pictures to the very bytes of Pillow. Holds working memory; make one and keep it. */
export interface Resizer {
  readonly kind: 'wasm' | 'typescript';
  /** A new picture of this size. Runs to its end on the calling thread. */
  resize(picture: Picture, size: Size, options?: ResizeOptions): Picture;
}

/** The part that differs between implementations: both passes over a whole picture. */
export type Passes = (picture: Picture, size: Size, options: Required<ResizeOptions>) => Picture;

/**
 * A resizer in SIMD WebAssembly, or in TypeScript where the runtime has no SIMD. Both give the same
 * bytes; `kind` tells which one it is, and naming a kind asks for that one.
 *
 * @throws Error when `'wasm'` is asked for and the runtime cannot run it.
 */
export function createResizer(kind?: 'wasm' | 'typescript'): Resizer {
  const wasm = kind === 'typescript' ? undefined : openWasmPasses();
  if (wasm) return resizer('wasm', wasm);
  if (kind === 'wasm') {
    throw new Error(
      "Opening the 'wasm' resizer: this runtime has no WebAssembly SIMD. Leave the kind out to fall back to TypeScript",
    );
  }
  return resizer('typescript', typescriptPasses);
}

function resizer(kind: Resizer['kind'], passes: Passes): Resizer {
  return {
    kind,
    resize(picture, size, { filter = 'bilinear', firstPass = 'horizontal' } = {}) {
      checkPicture(picture, 'resizing');
      checkSize(size, 'resizing to');
      if (sameSize(picture, size)) return { ...picture, data: picture.data.slice() };
      return passes(picture, size, { filter, firstPass });
    },
  };
}

function sameSize(a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height;
}
