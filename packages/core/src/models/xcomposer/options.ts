import type { Backend, CompileOptions, KvFormat } from '../../backend/backend.ts';
import type { Prompt } from '../../generate/prompt.ts';
import type { Sequence } from '../../generate/sequence.ts';
import type { ClaimedMemory, MemoryLever } from '../../plan/memory-budget.ts';
import type { Checkpoint } from '../../weights/checkpoint.ts';
import type { AnyAdapterName } from './config.ts';

export interface XComposerOptions {
  readonly backend: Backend;
  /** The model takes it over: disposing the model closes it, and so does a failure to compile. */
  readonly checkpoint: Checkpoint;
  /** What the checkpoint's config.json holds. */
  readonly config: unknown;
  /** Surprising habits of the published code, each off unless asked for. */
  readonly compat?: XComposerCompat;
  /**
   * How many bytes of encoded pictures to keep, so that a picture shown again, in any sequence, is
   * not encoded again. Default: 256 MiB, one picture of 24 tiles for the 7B model and a bit. 0 keeps none.
   */
  readonly imageCacheBytes?: number;
  /**
   * How many bytes this process may take with the model in it: opening it, embedding prompts, opening
   * schedulers and what is claimed of `model.memory` keeps to that. Default: whatever it needs.
   */
  readonly memoryBudget?: number;
  /**
   * How many bytes of keys and values to keep of sequences that were disposed, for those whose prompt
   * begins alike. Default: 0, none.
   */
  readonly prefixCacheBytes?: number;
  /**
   * How keys and values are kept. `'int8'` takes little more than a quarter of the memory of `'float32'`, for
   * likelihoods that differ by about a hundredth, and `'float16'` half, for such as differ by less than
   * a thousandth. Default: `'float16'` for weights in blocks of 4 or 8 bits where the backend can (ONNX Runtime
   * with kernels of ours), otherwise `'float32'`.
   */
  readonly kv?: KvFormat;
  readonly onProgress?: CompileOptions['onProgress'];
  readonly signal?: AbortSignal;
}

export interface XComposerCompat {
  /** A long sequence enlarges the rotary base of all later ones (spec MODEL §5). */
  readonly stickyRotary?: boolean;
}

export interface SequenceOptions {
  /** How many positions the sequence can hold: the prompt and everything generated. */
  readonly capacity: number;
  /** How many continuations it can hold side by side, as beam search needs them. Default 1. */
  readonly slots?: number;
  /** Which adapter acts on every token: a task's, or one that was loaded. Default: none, `base`. */
  readonly adapter?: AnyAdapterName;
  /** What it will be asked to read first: it may begin with what another has left (`prefixCacheBytes`). */
  readonly prompt?: Prompt;
}

/** A sequence, and the memory that was set aside for what it is to read and write. */
export interface ClaimedSequence {
  readonly sequence: Sequence;
  readonly claimed: ClaimedMemory;
}

export interface EmbedOptions {
  /** Default `base`. */
  readonly adapter?: AnyAdapterName;
  /** What the caller could lower if it does not fit the memory budget. Default: nothing. */
  readonly levers?: readonly MemoryLever[];
  readonly signal?: AbortSignal;
}
