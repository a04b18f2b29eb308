import type { Prompt } from '../generate/prompt.ts';
import type { Grid } from '../models/xcomposer/image-rows.ts';
import type { PromptPart } from './plan-memory.ts';

/** The parts of a prompt; with `grids`, its pictures and videos as they would be cut into these. */
export function promptParts(chunks: Prompt, grids?: readonly Grid[]): PromptPart[] {
  let picture = 0;
  return chunks.map((chunk): PromptPart => {
    if (chunk.type === 'text') return { type: 'text', tokens: chunk.ids.length };
    const { grid, key } = chunk.image;
    const other = grids?.[picture++];
    return other ? { type: 'image', grid: other } : { type: 'image', grid, key };
  });
}
