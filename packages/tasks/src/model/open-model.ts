import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Backend,
  type CompileProgress,
  compileXComposer,
  type KvFormat,
  openAdapter,
  type TokenConstraint,
  type XComposer,
  type XComposerCompat,
} from '@lingbi/core';
import type { Grammars, ResponseFormat } from '@lingbi/grammar';
import { chatIds, createTokenizer, type Tokenizer } from '@lingbi/tokenizer';
import { Chat, type ChatOptions } from '../chat/chat.ts';
import { requireKnownOptions } from '../known-options.ts';
import { defaultBudget } from '../memory/free-memory.ts';
import { parseBytes } from '../memory/parse-bytes.ts';
import { DisposedError, ModelNotFoundError } from './errors.ts';
import { type DownloadOptions, findFolder } from './find-folder.ts';
import type { AdapterReport } from './merge-adapter.ts';
import { type ModelFiles, readModelFiles } from './model-files.ts';
import { openGrammars } from './open-grammars.ts';
import { openUnpacked } from './open-unpacked.ts';

export interface OpenModelOptions extends DownloadOptions {
  /** What runs the model: `onnx()` of `@lingbi/backend-onnx`, or another. */
  readonly backend: Backend;
  /** Surprising habits of the published code, each off unless asked for. */
  readonly compat?: XComposerCompat;
  /**
   * How much this process may take in all, in bytes or as a text like `'8 GiB'`. What would take more
   * is refused with a `MemoryBudgetError` before it begins. Default: what it has, and nine tenths of
   * what the machine or its container has free. `Infinity` refuses nothing.
   */
  readonly memoryBudget?: number | string;
  /**
   * How many bytes of keys and values to keep of chats that were disposed, for those that begin alike:
   * with the same texts and pictures, under the same adapter. Default: 0, none.
   */
  readonly prefixCacheBytes?: number;
  /**
   * How many bytes of encoded pictures to keep, so that a picture shown again, in any chat, is not
   * encoded again. Default: 256 MiB, one picture of 24 tiles for the 7B model and a bit. 0 keeps none.
   */
  readonly imageCacheBytes?: number;
  /**
   * How keys and values are kept. `'int8'` takes little more than a quarter of the memory of `'float32'`, for
   * likelihoods that differ by about a hundredth, and `'float16'` half, for such as differ by less than
   * a thousandth. Default: `'float16'` for weights in blocks of 4 or 8 bits where the backend can (ONNX Runtime
   * with kernels of ours), otherwise `'float32'`.
   */
  readonly kv?: KvFormat;
  /** Called for each weight that has been loaded. */
  readonly onProgress?: (progress: CompileProgress) => void;
}

const openModelOptions = [
  ...['backend', 'compat', 'memoryBudget', 'prefixCacheBytes', 'kv', 'onProgress', 'signal'],
  ...['download', 'onDownload', 'imageCacheBytes'],
];

/**
 * Opens a checkpoint: a folder with config.json, tokenizer.model and weights as safetensors or
 * PyTorch `.bin` files, or an id of the hub, `owner/name[@revision]`, which is downloaded into the
 * cache that the Hugging Face libraries share.
 *
 * ```ts no-run: shows the shape of a call; the README has one that runs
 * await using model = await openModel('internlm/internlm-xcomposer2d5-7b', { backend: onnx() });
 * await using chat = model.chat();
 * const { text } = await chat.ask('What is written here?', { images: ['poster.jpg'] });
 * ```
 *
 * @throws ModelNotFoundError, PackedModelError, HubError, MemoryBudgetError, and what reading the
 * checkpoint and compiling it throw.
 */
export async function openModel(model: string, options: OpenModelOptions): Promise<Model> {
  requireKnownOptions('openModel', options, openModelOptions);
  const { signal } = options;
  const memoryBudget = settleBudget(options);
  const files = await readModelFiles(await findFolder(model, options), signal);
  const { xcomposer, tokenizer } = await openParts(files, { ...options, memoryBudget });
  const pieces = tokenizer.model.pieces.length;
  const { vocabularySize } = xcomposer.config.decoder;
  if (pieces <= vocabularySize) {
    return new Model(xcomposer, tokenizer, new Set(chatIds(tokenizer).stop));
  }
  await xcomposer[Symbol.asyncDispose]();
  throw new ModelNotFoundError(
    model,
    `its tokenizer.model has ${pieces} pieces, but its weights know ${vocabularySize} tokens. Use the tokenizer.model that was published with these weights`,
  );
}

type SettledOptions = OpenModelOptions & { readonly memoryBudget: number };

interface ModelParts {
  readonly xcomposer: XComposer;
  readonly tokenizer: Tokenizer;
}

/**
 * How long compiling has this thread for itself, in milliseconds: what a backend does then, it does on
 * threads of its own, and the tokenizer, half a second of work, costs no time.
 */
const COMPILE_HEAD_START = 250;

/** What was begun ends before this throws. */
async function openParts(files: ModelFiles, options: SettledOptions): Promise<ModelParts> {
  const failed = new AbortController();
  const { signal = failed.signal } = options;
  const either = AbortSignal.any([signal, failed.signal]);
  const compiling = compile(files, { ...options, signal: either });
  try {
    await Promise.race([compiling, sleep(COMPILE_HEAD_START, undefined, { ref: false })]);
    const tokenizer = readTokenizer(files);
    return { xcomposer: await compiling, tokenizer };
  } catch (error) {
    failed.abort(error);
    const compiled = await compiling.catch(() => undefined);
    await compiled?.[Symbol.asyncDispose]();
    throw error;
  }
}

/** @throws ModelNotFoundError when it cannot be read, or lacks what chats need. */
function readTokenizer({ folder, tokenizer: bytes }: ModelFiles): Tokenizer {
  try {
    const tokenizer = createTokenizer(bytes);
    chatIds(tokenizer);
    return tokenizer;
  } catch (cause) {
    const detail = `its tokenizer.model cannot be read. ${(cause as Error).message}`;
    throw new ModelNotFoundError(folder, detail, { cause });
  }
}

/** A backend that does not say how it uses memory is held to no budget, unless one was asked for. */
function settleBudget({ backend, memoryBudget }: OpenModelOptions): number {
  if (memoryBudget !== undefined) return parseBytes(memoryBudget);
  return backend.memory ? defaultBudget() : Infinity;
}

async function compile(files: ModelFiles, options: SettledOptions): Promise<XComposer> {
  const { backend, compat, prefixCacheBytes, imageCacheBytes, kv, onProgress, signal } = options;
  const { memoryBudget } = options;
  return compileXComposer({
    backend,
    checkpoint: await openUnpacked(files.folder, signal),
    ...{ config: files.config, memoryBudget },
    ...(compat && { compat }),
    ...(prefixCacheBytes !== undefined && { prefixCacheBytes }),
    ...(imageCacheBytes !== undefined && { imageCacheBytes }),
    ...(kv && { kv }),
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  });
}

/** An open checkpoint and its tokenizer. Disposing it disposes its chats. */
export class Model implements AsyncDisposable {
  readonly #chats = new Set<Chat>();
  #grammars: Promise<Grammars> | undefined;
  #disposed = false;

  constructor(
    readonly xcomposer: XComposer,
    readonly tokenizer: Tokenizer,
    /** Ids that end an answer. */
    readonly stopTokens: ReadonlySet<number>,
  ) {}

  /** What the model really runs on, for people. */
  get device(): string {
    return this.xcomposer.device;
  }

  /** How many bytes this process may take in all. */
  get memoryBudget(): number {
    return this.xcomposer.memory.bytes;
  }

  /**
   * Positions whose keys and values are held now, or set aside: by its chats and those that have ended,
   * by answers that are being written, by schedulers.
   */
  get heldPositions(): number {
    return this.xcomposer.memory.heldPositions;
  }

  /**
   * Takes in a LoRA adapter in the layout of PEFT: adapter_config.json beside adapter_model.safetensors
   * or .bin. Chats choose it by its name, as they do `web` and `write`; several may be loaded at once.
   * Tells what it holds that is not used.
   *
   * @throws AdapterError, CheckpointError, WeightShapeError when it cannot be used with this model.
   */
  async loadAdapter(name: string, folder: string, signal?: AbortSignal): Promise<AdapterReport> {
    if (this.#disposed) throw new DisposedError('model');
    await using adapter = await openAdapter(folder, signal);
    await this.xcomposer.loadAdapter(name, adapter, signal);
    return { ignored: adapter.ignored };
  }

  /** Gives back what an adapter takes; chats that use it cannot go on. */
  async unloadAdapter(name: string): Promise<void> {
    await this.xcomposer.unloadAdapter(name);
  }

  /**
   * What holds one answer to a format; whoever asked disposes it.
   *
   * @throws GrammarError, UnsupportedSchemaError when the format cannot be read or held to.
   */
  async constrain(format: ResponseFormat): Promise<TokenConstraint> {
    this.#grammars ??= this.#openGrammars();
    return (await this.#grammars).constrain(format);
  }

  /** What failed is tried again the next time. */
  async #openGrammars(): Promise<Grammars> {
    const { vocabularySize } = this.xcomposer.config.decoder;
    try {
      return await openGrammars(this.tokenizer, vocabularySize, this.stopTokens);
    } catch (error) {
      this.#grammars = undefined;
      throw error;
    }
  }

  /** A new conversation. */
  chat(options: ChatOptions = {}): Chat {
    if (this.#disposed) throw new DisposedError('model');
    const chat = new Chat(this, options, () => this.#chats.delete(chat));
    this.#chats.add(chat);
    return chat;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    for (const chat of [...this.#chats]) await chat[Symbol.asyncDispose]();
    try {
      const grammars = await this.#grammars?.catch(() => undefined); // who asked for them knows why
      grammars?.[Symbol.dispose]();
    } finally {
      await this.xcomposer[Symbol.asyncDispose]();
    }
  }
}
