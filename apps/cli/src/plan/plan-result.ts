import {
  type BudgetAdvice,
  type KvFormat,
  kvAdvice,
  type MemoryPlan,
  type PlannedModel,
} from '@lingbi/core';
import { type FittingSettings, fittingSettings, type PlanRequest, planMemory } from '@lingbi/tasks';
import type { NamedMedia } from './planned-media.ts';

/** What scripts find in the last line; all sizes in bytes. */
export interface PlanResult extends Omit<MemoryPlan, 'segments'> {
  /** Pictures, then videos, then the text. */
  readonly segments: readonly PlannedSegment[];
  readonly memoryBudget: number;
  /** How keys and values are kept. */
  readonly kv: KvFormat;
  readonly fits: boolean;
  /** The largest values that fit, each with all others as they are; 0 when none does. */
  readonly largest: Partial<FittingSettings>;
  /** When it does not fit: settings that alone make it fit. */
  readonly advice: readonly BudgetAdvice[];
}

interface PlannedSegment {
  readonly type: NamedMedia['type'] | 'text';
  /** A picture or video as it was given. */
  readonly name?: string;
  readonly tokens: number;
}

type Asked = Required<Pick<PlanRequest, 'textTokens' | 'maxNewTokens' | 'beams' | 'adapter'>> & {
  readonly media: readonly NamedMedia[];
  readonly hdNum?: number;
};

/** What a request takes, and which settings a budget has room for. */
export function planResult(model: PlannedModel, asked: Asked, memoryBudget: number): PlanResult {
  const { media, textTokens, maxNewTokens, beams, adapter, hdNum } = asked;
  const images = media.map(({ planned }) => planned);
  const request: PlanRequest = {
    ...{ images, textTokens, maxNewTokens, beams, adapter },
    ...(hdNum !== undefined && { hdNum }),
  };
  const { segments, ...plan } = planMemory(model, request);
  const { hdNum: tiles, ...others } = fittingSettings(model, request, memoryBudget);
  const largest = media.some(({ type }) => type === 'picture')
    ? { hdNum: tiles, ...others }
    : others;
  const fits = plan.peak <= memoryBudget;
  const narrow = kvAdvice(model, (each) => planMemory(each, request).peak <= memoryBudget);
  const advice = fits ? [] : [...adviceOf(largest), ...narrow];
  const named = segments.map(({ tokens }, at) => namedSegment(tokens, media[at]));
  return { segments: named, ...plan, memoryBudget, kv: model.kv, fits, largest, advice };
}

/** The text is what follows the pictures and videos. */
function namedSegment(tokens: number, media: NamedMedia | undefined): PlannedSegment {
  return media ? { type: media.type, name: media.name, tokens } : { type: 'text', tokens };
}

/** When a request does not fit, each value with which it does is lower than the one it has. */
function adviceOf(largest: Partial<FittingSettings>): BudgetAdvice[] {
  const settings = Object.entries(largest) as [keyof FittingSettings, number][];
  return settings.filter(([, value]) => value > 0).map(([setting, value]) => ({ setting, value }));
}
