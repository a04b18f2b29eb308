/** What our weights are for, as far as it decides how they may be stored. */
import { loras } from './weight-map.ts';

/**
 * - `linear`, `head`: matrices of the decoder, its five linears a layer and the last one
 * - `lora`: low-rank additions to them
 * - `embeddings`: the table of tokens, of which a run reads a few rows
 * - `tower`, `projector`: matrices that pictures pass through
 * - `plain`: norms, biases, separators and what else is small
 */
export type WeightRole =
  | 'linear'
  | 'head'
  | 'lora'
  | 'embeddings'
  | 'tower'
  | 'projector'
  | 'plain';

const loraNames = Object.keys(loras).join('|');
const roles: readonly (readonly [RegExp, WeightRole])[] = [
  [/^embed$/, 'embeddings'],
  [/^head$/, 'head'],
  [new RegExp(`\\.(${loraNames})\\.(down|up)$`), 'lora'],
  [/^layers\.\d+\.(attention\.(qkv|out)|mlp\.(gate|up|down))$/, 'linear'],
  [/^tower\.\d+\.(query|key|value|attentionOut|up|down)$/, 'tower'],
  [/^projector\.[01]$/, 'projector'],
];

export function weightRole(name: string): WeightRole {
  return roles.find(([pattern]) => pattern.test(name))?.[1] ?? 'plain';
}

/** Weights of one group multiply the same rows: side by side in a file, they can be bound as one. */
export function weightGroup(name: string): string {
  return name
    .replace(/^(layers\.\d+\.mlp)\.(gate|up)$/, '$1.gateUp')
    .replace(/^(tower\.\d+)\.(query|key|value)$/, '$1.qkv');
}
