import type { WeightChoice } from './choose-encodings.ts';
import type { PlannedWeight } from './plan-weights.ts';
import { weightsWithSmallerBlocks } from './require-used-options.ts';
import type { WriteConvertedOptions } from './write-converted.ts';

/** The usual size is nobody's wish; another than was asked for is said. */
export function reportNarrowedBlocks(
  { block, onProgress }: Pick<WeightChoice & WriteConvertedOptions, 'block' | 'onProgress'>,
  planned: readonly PlannedWeight[],
): void {
  const names = block === undefined ? [] : weightsWithSmallerBlocks(block, planned);
  if (names.length > 0) onProgress?.({ type: 'blocks-narrowed', block: block!, names });
}
