import type { ConvertOptions } from './convert-checkpoint.ts';
import { OptionError } from './errors.ts';
import type { PlannedWeight } from './plan-weights.ts';

/**
 * Compares what was asked of blocks with the blocks that there are going to be.
 *
 * @throws OptionError when an option would change nothing.
 */
export function requireUsedOptions(
  {
    block,
    zeroPoints,
    scales,
    rounding,
  }: Pick<ConvertOptions, 'block' | 'zeroPoints' | 'scales' | 'rounding'>,
  planned: readonly PlannedWeight[],
): void {
  const blocks = planned.filter(({ encoding }) => encoding.kind === 'blocks');
  const none = 'no weight is stored in blocks, as int4 and int8 are';
  if (blocks.length === 0) {
    if (block !== undefined) throw new OptionError('block (--block)', none);
    if (zeroPoints !== undefined) throw new OptionError('zeroPoints', none);
    if (scales !== undefined) throw new OptionError('scales (--scales)', none);
    if (rounding !== undefined) throw new OptionError('rounding (--rounding)', none);
  }
  if (rounding !== undefined && blocks.every(({ isRepacked }) => isRepacked)) {
    throw new OptionError('rounding (--rounding)', 'all blocks keep the numbers of the source');
  }
}
