import { weightRole } from '@lingbi/core';
import type { ConvertOptions } from './convert-checkpoint.ts';
import { OptionError } from './errors.ts';
import type { PlannedWeight } from './plan-weights.ts';

type Asked = Pick<
  ConvertOptions,
  'block' | 'zeroPoints' | 'scales' | 'rounding' | 'vision' | 'formats'
>;

/**
 * Compares what was asked for with the weights that there are going to be.
 *
 * @throws OptionError when an option would change nothing.
 */
export function requireUsedOptions(asked: Asked, planned: readonly PlannedWeight[]): void {
  requireUsedFormats(asked, planned);
  const blocks = planned.filter(({ encoding }) => encoding.kind === 'blocks');
  if (blocks.length === 0) refuseBlockOptions(asked);
  const { block, rounding } = asked;
  if (rounding !== undefined && blocks.every(({ isRepacked }) => isRepacked)) {
    throw new OptionError('rounding (--rounding)', 'all blocks keep the numbers of the source');
  }
  if (block !== undefined && weightsWithSmallerBlocks(block, planned).length === blocks.length) {
    const reason = `no row divides into blocks of ${block}, and all would have smaller ones`;
    throw new OptionError('block (--block)', reason);
  }
}

function requireUsedFormats(
  { vision, formats = {} }: Asked,
  planned: readonly PlannedWeight[],
): void {
  const roles = new Set(planned.map(({ name }) => weightRole(name)));
  if (vision !== undefined && !roles.has('tower') && !roles.has('projector')) {
    throw new OptionError('vision (--vision)', 'the checkpoint has no vision tower');
  }
  for (const [role, format] of Object.entries(formats)) {
    if (format === undefined || roles.has(role as keyof typeof formats)) continue;
    throw new OptionError(`formats.${role}`, 'there are no weights of that kind');
  }
}

function refuseBlockOptions({ block, zeroPoints, scales, rounding }: Asked): void {
  const none = 'no weight is stored in blocks, as int4 and int8 are';
  if (block !== undefined) throw new OptionError('block (--block)', none);
  if (zeroPoints !== undefined) throw new OptionError('zeroPoints', none);
  if (scales !== undefined) throw new OptionError('scales (--scales)', none);
  if (rounding !== undefined) throw new OptionError('rounding (--rounding)', none);
}

/** Names of the weights whose rows do not divide into blocks of that size. */
export function weightsWithSmallerBlocks(
  block: number,
  planned: readonly PlannedWeight[],
): string[] {
  return planned
    .filter(({ encoding }) => encoding.kind === 'blocks' && encoding.blockSize < block)
    .map(({ name }) => name);
}
