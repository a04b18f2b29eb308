import type { Prompt } from '../generate/prompt.ts';
import { promptLength } from '../generate/prompt.ts';
import type { SchedulerOptions } from '../generate/scheduler/scheduler.ts';
import type { AnyAdapterName } from '../models/xcomposer/config.ts';
import type { ClaimedRequest, MemoryClaim, MemoryLever } from './memory-budget.ts';
import { promptParts } from './prompt-parts.ts';

type Size = Required<Pick<SchedulerOptions, 'slots' | 'capacity' | 'beams'>>;

/** All that the slots of a scheduler and its beams may come to hold: nobody is asked again. */
export function slotsClaim({ slots, capacity, beams = 0 }: SchedulerOptions): MemoryClaim {
  const size: Size = { slots, capacity, beams };
  const lever = (setting: keyof Size): MemoryLever => ({
    ...{ setting, now: size[setting] },
    with: (value) => slotsRequest({ ...size, [setting]: value }),
  });
  const levers = [lever('slots'), lever('capacity'), lever('beams')];
  return { doing: 'This scheduler', request: slotsRequest(size), levers };
}

function slotsRequest({ slots, capacity, beams }: Size): ClaimedRequest {
  return { prompt: [{ type: 'text', tokens: capacity }], slots, branches: beams };
}

/** What the pictures of a prompt take whose positions have been set aside. */
export function picturesClaim(prompt: Prompt, adapter: AnyAdapterName): MemoryClaim {
  const positions = promptLength(prompt);
  const request = { prompt: promptParts(prompt), adapter };
  return { doing: 'This request', request, held: () => positions };
}
