import { type Encoding, type WeightRole, weightRole } from '@lingbi/core';

/**
 * How a weight is stored: `f32` and `f16` as plain numbers, `int4` and `int8` in blocks with a scale
 * each, `channels` in int8 with a scale for each output, for kernels that round activations as well.
 */
export type WeightFormat = 'f32' | 'f16' | 'int8' | 'int4' | 'channels';

export type BlockSize = 32 | 64 | 128;

/** Kinds of weights that are looked up or added, never multiplied: no backend reads them encoded. */
type DenseRole = 'embeddings' | 'plain';

/** The format of each kind of weight. */
export type FormatChoices = Readonly<
  Record<Exclude<WeightRole, DenseRole>, WeightFormat> & Record<DenseRole, 'f32' | 'f16'>
>;

/** What people say: the decoder's matrices decide the size, the rest follows. */
export interface WeightChoice {
  /** Of the decoder's matrices. Default: `int4`. */
  readonly weights?: Exclude<WeightFormat, 'channels'>;
  /** Of the vision tower's matrices, when there is one. Default: `f32`. */
  readonly vision?: 'f32' | 'int8';
  /**
   * Numbers that share a scale. Default: 128, or those of a packed source. Rows that do not divide into
   * blocks of that size have smaller ones.
   */
  readonly block?: BlockSize;
  /**
   * Whether blocks have zero points of their own. Default: in `int4`, where they pay; of a packed source,
   * those that it has.
   */
  readonly zeroPoints?: boolean;
  /**
   * Number format of the scales of blocks. Default: `float16`; of a packed source, those that it has.
   * `float32` holds larger ones, and takes 16 / `block` bits more a number.
   */
  readonly scales?: 'float16' | 'float32';
  /** Single kinds of weights stored otherwise. */
  readonly formats?: Partial<FormatChoices>;
}

const DEFAULT_BLOCK: BlockSize = 128;

/** The format of each kind of weight that a choice comes down to. */
function formatsOf({ weights = 'int4', vision = 'f32', formats }: WeightChoice): FormatChoices {
  const sixteen = weights === 'f32' ? 'f32' : 'f16';
  return {
    linear: weights,
    head: weights,
    lora: sixteen,
    embeddings: sixteen,
    tower: vision === 'int8' ? 'channels' : 'f32',
    projector: vision === 'int8' ? 'channels' : 'f32',
    // Small: a backend binds float32 as it is.
    plain: 'f32',
    ...formats,
  };
}

/** How a weight is stored under a choice. */
export function encodingOf(name: string, shape: readonly number[], choice: WeightChoice): Encoding {
  const role = weightRole(name);
  const format: WeightFormat = formatsOf(choice)[role];
  switch (format) {
    case 'f32':
      return { kind: 'dense', dtype: 'float32' };
    case 'f16':
      return { kind: 'dense', dtype: 'float16' };
    case 'channels':
      return { kind: 'channels' };
    case 'int4':
    case 'int8': {
      const { zeroPoints = format === 'int4' } = choice;
      const blockSize = fittingBlock(shape[1]!, choice.block ?? DEFAULT_BLOCK);
      const bits = format === 'int4' ? 4 : 8;
      const isNarrow = choice.scales !== 'float32';
      return {
        ...{ kind: 'blocks', bits, blockSize, zeroPoints },
        ...(isNarrow && { scales: 'float16' }),
      };
    }
    default:
      throw format satisfies never;
  }
}

/** The largest block up to the wanted one that divides a row; where none from 32 on does, the wanted one. */
function fittingBlock(width: number, wanted: BlockSize): number {
  for (let size: number = wanted; size >= 32; size /= 2) if (width % size === 0) return size;
  return wanted;
}
