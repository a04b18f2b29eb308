/** Recorded cases as files hold them: `<id>.json` and, beside it, `<id>.safetensors`. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type AdapterName, openCheckpoint, toFloat32 } from '@lingbi/core';

export interface GoldenImage {
  readonly size: readonly [number, number];
  readonly decoded_rgb_sha256: string;
  readonly transposed: boolean;
  readonly resized: readonly [number, number];
  readonly canvas: readonly [number, number];
  readonly grid: { readonly h: number; readonly w: number };
  readonly tokens: number;
  readonly canvas_sha256: string;
  /** Only of videos. */
  readonly composite_size?: readonly [number, number];
  readonly composite_sha256?: string;
  readonly projected_rows: readonly number[];
}

export interface GoldenSegment {
  readonly type: 'text' | 'image';
  readonly text?: string;
  readonly ids?: readonly number[];
  readonly image?: number;
  readonly start: number;
  readonly length: number;
}

export interface GoldenInputs {
  readonly query: string;
  /** null: the reference was called without an image argument. */
  readonly images: readonly string[] | null;
  readonly history: readonly (readonly [string, string])[];
  readonly meta_instruction: string;
  readonly hd_num: number;
  readonly infer_mode: AdapterName;
  readonly max_length: number;
}

interface TopLogits {
  readonly ids: readonly number[];
  readonly logits: readonly number[];
}

/** A beam search; the end ids of a custom stop are recorded beside it. */
export interface GoldenBeams {
  readonly num_beams: number;
  readonly max_new_tokens: number;
  readonly eos_ids?: readonly number[];
  readonly length_penalty: number;
  readonly early_stopping: boolean | 'never';
  readonly repetition_penalty?: number;
  readonly all: readonly { readonly ids: readonly number[]; readonly score: number }[];
}

/** What may be drawn as the first token. */
export interface GoldenDistribution {
  readonly temperature: number;
  readonly top_k: number | null;
  readonly top_p: number;
  readonly min_tokens_to_keep: number;
  readonly ids: readonly number[];
  readonly probs: readonly number[];
}

/** A conversation: kinds a to i of the goldens. */
export interface ChatCase {
  readonly id: string;
  readonly kind: string;
  readonly inputs: GoldenInputs;
  readonly prompt: string;
  readonly segments: readonly GoldenSegment[];
  readonly images: readonly GoldenImage[];
  readonly image_spans?: readonly (readonly [number, number])[];
  readonly prompt_length: number;
  readonly untruncated_length?: number;
  readonly im_mask_ones: number;
  readonly top10: TopLogits;
  readonly greedy24: { readonly ids: readonly number[] };
  readonly chat_greedy: {
    readonly eos_ids: readonly number[];
    readonly max_new_tokens: number;
    readonly ids: readonly number[];
    readonly finish: string;
    readonly response: string;
  };
  readonly custom_stop?: {
    readonly eos_ids: readonly number[];
    readonly greedy: readonly number[];
    readonly beams?: readonly GoldenBeams[];
  };
  readonly greedy_repetition?: readonly {
    readonly repetition_penalty: number;
    readonly prompt_ids_visible: boolean;
    readonly ids: readonly number[];
  }[];
  readonly beams?: readonly GoldenBeams[];
  readonly first_step_distributions?: readonly GoldenDistribution[];
  readonly first_step_distributions_beam_sampling?: readonly GoldenDistribution[];
  readonly other_modes_top5?: Readonly<Record<string, TopLogits>>;
}

/** Rotary positions past a shortened trained length: kind j. */
export interface RotaryCase {
  readonly id: string;
  readonly kind: 'j';
  readonly config_override: Readonly<Record<string, unknown>>;
  readonly prompt_ids: readonly number[];
  readonly greedy_cached: { readonly ids: readonly number[] };
  readonly greedy_recompute: { readonly ids: readonly number[] };
  readonly sticky?: string;
}

export type GoldenCase = ChatCase | RotaryCase | { readonly id: string; readonly kind?: string };

/** Recorded numbers by name. */
export interface GoldenTensors extends AsyncDisposable {
  has(name: string): boolean;
  /** Undefined when the case does not hold it. */
  read(name: string): Promise<Float32Array | undefined>;
  /** What the case holds and nobody has read. */
  unread(): readonly string[];
}

export interface LoadedCase {
  readonly golden: GoldenCase;
  readonly file: string;
  readonly tensors: GoldenTensors;
}

export async function loadCase(file: string): Promise<LoadedCase> {
  const golden = JSON.parse(await readFile(file, 'utf8')) as GoldenCase;
  return { golden: { ...golden, id: golden.id ?? file }, file, tensors: await openTensors(file) };
}

const noTensors: GoldenTensors = {
  has: () => false,
  read: async () => undefined,
  unread: () => ['recorded numbers (there is no .safetensors beside the case)'],
  [Symbol.asyncDispose]: async () => {},
};

/** `./x` stands beside the case, everything else under the data folder. */
export function imagePath(image: string, caseFile: string, data: string): string {
  return image.startsWith('./') ? resolve(dirname(caseFile), image) : join(data, image);
}

/** A case recorded without numbers is compared by its ids alone. */
async function openTensors(file: string): Promise<GoldenTensors> {
  const path = file.replace(/\.json$/, '.safetensors');
  if (!existsSync(path)) return noTensors;
  const checkpoint = await openCheckpoint(path);
  const unread = new Set(checkpoint.names);
  return {
    has: (name) => checkpoint.has(name),
    unread: () => [...unread],
    async read(name) {
      unread.delete(name);
      if (!checkpoint.has(name)) return undefined;
      return toFloat32(await checkpoint.read(name), checkpoint.describe(name).dtype);
    },
    [Symbol.asyncDispose]: () => checkpoint[Symbol.asyncDispose](),
  };
}
