import {
  type AnyAdapterName,
  beamCount,
  CacheMemoryError,
  type ClaimedMemory,
  type ClaimedRequest,
  checkGenerateOptions,
  type GenerateOptions,
  type Grid,
  type MemoryClaim,
  type MemoryLever,
  type PromptEmbedding,
  promptParts,
  type Sequence,
  type TokenConstraint,
} from '@lingbi/core';
import type { ResponseFormat } from '@lingbi/grammar';
import { buildPrompt, type ChatTurn, type PromptRequest, xcomposer2d5 } from '@lingbi/tokenizer';
import type { ReadOptions } from '@lingbi/vision';
import { requireKnownOptions } from '../known-options.ts';
import { parseBytes } from '../memory/parse-bytes.ts';
import { DisposedError } from '../model/errors.ts';
import type { Model } from '../model/open-model.ts';
import { type Album, createAlbum } from './album.ts';
import { ChatBusyError } from './errors.ts';
import type { Answer, ChatEvent, VideoDecodingProgress } from './events.ts';
import {
  type ImageInput,
  type Opened,
  openMedia,
  type Shown,
  showMedia,
  stripPreset,
  videoWarnings,
} from './media.ts';
import { type PreparedPrompt, type PromptOptions, preparePrompt } from './prepare-prompt.ts';
import { reportsOf } from './reports.ts';
import { requireChatOptions, requireOneAnswer, requireQuestion } from './require-options.ts';
import { type RespondOptions, respond } from './respond.ts';
import { shareRoom } from './share-room.ts';
import { requireStopStrings } from './stop-strings.ts';

export interface ChatOptions extends PromptOptions {
  /** Earlier turns. Their pictures go into `images`. */
  readonly history?: readonly ChatTurn[];
  /** Pictures and videos of the earlier turns, in the order of their placeholders. */
  readonly images?: readonly ImageInput[];
  /** A system text, or `true` for the one the model was trained with. Default: none. */
  readonly meta?: string | boolean;
  /** Which adapter acts: `web`, `write`, or one that the model has loaded. Default `base`. */
  readonly adapter?: AnyAdapterName;
  /** The most tiles of a picture. Default: 24 for one picture, 6 when the chat has more. */
  readonly hdNum?: number;
  /** How pictures are read: limits, web access, orientation. */
  readonly reading?: Omit<ReadOptions, 'signal'>;
}

/** How a turn is answered. Without options: the likeliest token each time. */
export interface SayOptions extends Omit<GenerateOptions, GivenByChat> {
  /**
   * Pictures of this turn (paths, URLs, data URIs, bytes, blobs or raw pixels) and videos
   * (`{ video: 'clip.mp4' }`).
   */
  readonly images?: readonly ImageInput[];
  /** Default 1024, as in the reference. */
  readonly maxNewTokens?: number;
  /** The answer ends before the first of these texts. */
  readonly stop?: readonly string[];
  /**
   * How much this process may take for this turn, in bytes or as a text like `'8 GiB'`. Default: as
   * the model was opened with.
   */
  readonly memoryBudget?: number | string;
  /** What the answer must look like: JSON of a schema, a regular expression, a grammar. Needs `beams: 1`. */
  readonly responseFormat?: ResponseFormat;
  /** Stops within a step; the turn is then forgotten, what was read stays cached. */
  readonly signal?: AbortSignal;
}

type GivenByChat = 'stopTokens' | 'stopWhen' | 'maxNewTokens' | 'constraint' | 'signal';

const chatOptions = [
  ...['history', 'images', 'meta', 'adapter', 'hdNum', 'reading'],
  ...['placeholders', 'overflow', 'maxLength', 'parseSpecial', 'nullImage'],
];
const sayOptions = [
  ...['images', 'maxNewTokens', 'stop', 'sampling', 'beams', 'sampler', 'topLogprobs', 'signal'],
  ...['repetitionPenalty', 'penaltyScope', 'presencePenalty', 'frequencyPenalty'],
  ...['noRepeatNgram', 'minNewTokens', 'logitBias', 'memoryBudget', 'responseFormat'],
  'promptLookup',
];

/** As in the reference. */
const DEFAULT_MAX_NEW_TOKENS = 1024;

/** Capacity grows in steps of this many positions, so that short turns need not move the cache. */
const CAPACITY_STEP = 1024;

/** A conversation. What a turn shares with those before it is not read again. */
export class Chat implements AsyncDisposable {
  readonly #model: Model;
  readonly #options: ChatOptions;
  readonly #album: Album;
  #history: readonly ChatTurn[];
  /** What all turns show; what was given at the start is read with the first question. */
  #shown: readonly Shown[] | undefined;
  #sequence: Sequence | undefined;
  readonly #onDispose: () => void;
  #busy = false;
  /** Ends what is going on when the chat is disposed. */
  readonly #disposed = new AbortController();

  constructor(model: Model, options: ChatOptions, onDispose: () => void) {
    requireKnownOptions('chat', options, chatOptions);
    requireChatOptions(options);
    this.#onDispose = onDispose;
    this.#model = model;
    this.#options = options;
    this.#album = createAlbum(model.xcomposer, options.hdNum);
    this.#history = options.history ?? [];
  }

  /** Questions as they were asked and answers as they were given. */
  get history(): readonly ChatTurn[] {
    return this.#history;
  }

  /** Positions whose keys and values it holds; those cut off until their memory is given back. */
  get heldPositions(): number {
    return this.#sequence?.heldPositions ?? 0;
  }

  /** Asks, and waits for the whole answer. */
  async ask(question: string, options: SayOptions = {}): Promise<Answer> {
    for await (const event of this.say(question, options)) if (event.type === 'end') return event;
    throw new Error('unreachable: an answer ends with an end event');
  }

  /**
   * Asks, and streams what happens. The turn enters the history when the answer is complete; when
   * it is abandoned or fails, the chat is as it was before.
   *
   * @throws MemoryBudgetError before the model runs, when the turn would take more than it may.
   */
  async *say(question: string, given: SayOptions = {}): AsyncGenerator<ChatEvent> {
    requireKnownOptions('say', given, sayOptions);
    requireQuestion(question, given.images);
    const options = { ...given, signal: this.#whileOpen(given.signal) };
    const answering = this.#respondOptions(options);
    this.#claim();
    try {
      using constraint = await this.#constraintOf(options);
      const shown = yield* this.#shownWith(question, options);
      options.signal.throwIfAborted();
      const prompt = this.#prepare(question, shown);
      using claimed = this.#claimMemory(prompt, shown, answering, options.memoryBudget);
      const held = constraint ? { ...answering, constraint } : answering;
      for await (const event of this.#respond(prompt, held, claimed)) {
        if (event.type === 'end') {
          this.#history = [...this.#history, { query: question, answer: event.text }];
          this.#shown = shown;
        }
        yield event;
      }
    } finally {
      this.#busy = false;
    }
  }

  /**
   * What the model makes of a question as this chat would ask it, with the turns and pictures before: the
   * last hidden state of every position. The chat stays as it is.
   */
  async embed(
    question: string,
    { images, signal: given }: Pick<SayOptions, 'images' | 'signal'> = {},
  ): Promise<PromptEmbedding> {
    requireQuestion(question, images);
    const signal = this.#whileOpen(given);
    this.#claim();
    try {
      const reading = this.#shownWith(question, { ...(images && { images }), signal });
      let step = await reading.next();
      while (!step.done) step = await reading.next();
      signal.throwIfAborted();
      const prompt = this.#prepare(question, step.value);
      const { adapter = 'base' } = this.#options;
      return await this.#model.xcomposer.embedPrompt(prompt.chunks, {
        adapter,
        levers: this.#hdNumLever(step.value, (grids) => ({
          ...{ prompt: promptParts(prompt.chunks, grids), adapter, embeds: true },
        })),
        signal,
      });
    } finally {
      this.#busy = false;
    }
  }

  /** Gives back the memory of the past: keys, values and pictures. An answer that is being written ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort(new DisposedError('chat'));
    this.#onDispose();
    this.#sequence?.[Symbol.dispose]();
    this.#sequence = undefined;
    this.#shown = undefined;
  }

  #whileOpen(signal: AbortSignal | undefined): AbortSignal {
    const { signal: disposed } = this.#disposed;
    return signal ? AbortSignal.any([signal, disposed]) : disposed;
  }

  #claim(): void {
    this.#disposed.signal.throwIfAborted();
    if (this.#busy) throw new ChatBusyError();
    this.#busy = true;
  }

  /** What was shown before, and what this turn shows besides. */
  async *#shownWith(
    query: string,
    { images: added = [], signal }: SayOptions,
  ): AsyncGenerator<VideoDecodingProgress, readonly Shown[]> {
    const reading = { ...this.#options.reading, ...(signal && { signal }) };
    const known = this.#shown ?? [];
    const inputs = this.#shown ? added : [...(this.#options.images ?? []), ...added];
    const opened = await openMedia(inputs, reading);
    const rooms = this.#roomsFor(query, known, opened);
    const { xcomposer } = this.#model;
    const shown = yield* reportsOf<VideoDecodingProgress, readonly Shown[]>((report, left) =>
      showMedia(opened, {
        ...{ xcomposer, rooms },
        signal: signal ? AbortSignal.any([signal, left]) : left,
        onProgress: (at, progress) =>
          report({ type: 'video-progress', image: known.length + at, ...progress }),
      }),
    );
    return [...known, ...shown];
  }

  /** The positions that each new video may take, so that the prompt stays within `maxLength`. */
  #roomsFor(query: string, known: readonly Shown[], opened: readonly Opened[]): readonly number[] {
    const { overflow, nullImage, maxLength = xcomposer2d5.maxLength } = this.#options;
    const videos = opened.filter((each) => each.type === 'opened-video');
    const wanted = videos.map(({ video: { facts }, frames }) => ({ facts, frames }));
    if (videos.length === 0 || overflow === 'truncate' || nullImage)
      return wanted.map(() => Infinity);
    const all = [...known, ...opened];
    const { segments } = buildPrompt(this.#model.tokenizer, {
      ...this.#request(query),
      imageTokens: this.#album.tokens(all),
      maxLength: Number.MAX_SAFE_INTEGER,
    });
    const taken = segments.filter(
      (segment) => segment.type === 'text' || all[segment.image]!.type !== 'opened-video',
    );
    const room = maxLength - taken.reduce((sum, { length }) => sum + length, 0);
    return shareRoom(wanted, room, stripPreset(this.#model.xcomposer));
  }

  #request(query: string): Omit<PromptRequest, 'imageTokens'> {
    const { placeholders, overflow, maxLength, parseSpecial, nullImage } = this.#options;
    return {
      query,
      history: this.#history,
      meta: metaText(this.#options.meta),
      ...(placeholders && { placeholders }),
      ...(overflow && { overflow }),
      ...(maxLength !== undefined && { maxLength }),
      ...(parseSpecial && { parseSpecial }),
      ...(nullImage && { nullImage }),
    };
  }

  #prepare(query: string, shown: readonly Shown[]): PreparedPrompt {
    const tiled = this.#album.tile(shown);
    const prepared = preparePrompt(this.#model.tokenizer, tiled, this.#request(query));
    return { ...prepared, warnings: [...prepared.warnings, ...shown.flatMap(videoWarnings)] };
  }

  /** Checked at once, so that a wrong option costs no reading of pictures. */
  #respondOptions({
    images: _,
    memoryBudget: __,
    responseFormat,
    stop = [],
    ...options
  }: SayOptions): RespondOptions {
    requireStopStrings(stop);
    if (responseFormat) requireOneAnswer(options);
    const { maxNewTokens = DEFAULT_MAX_NEW_TOKENS } = options;
    const generating = {
      ...{ ...options, ...this.#penaltyScope(options) },
      ...{ maxNewTokens, stopTokens: this.#model.stopTokens },
    };
    checkGenerateOptions(generating);
    return { ...generating, stop };
  }

  /** Where the reference passes ids, its penalties see those of the prompt (spec CHAT §6.1). */
  #penaltyScope({
    repetitionPenalty,
    noRepeatNgram,
    penaltyScope = 'prompt-and-answer',
  }: SayOptions): Pick<RespondOptions, 'penaltyScope'> {
    const hasPenalty = repetitionPenalty !== undefined || noRepeatNgram !== undefined;
    return this.#options.nullImage && hasPenalty ? { penaltyScope } : {};
  }

  async #constraintOf({ responseFormat }: SayOptions): Promise<TokenConstraint | undefined> {
    return responseFormat && (await this.#model.constrain(responseFormat));
  }

  /** The first turn opens the sequence of all. */
  #claimMemory(
    prompt: PreparedPrompt,
    shown: readonly Shown[],
    answering: RespondOptions,
    memoryBudget?: number | string,
  ): ClaimedMemory {
    const claim = this.#claimOf(prompt, shown, answering, memoryBudget);
    const { xcomposer } = this.#model;
    if (this.#sequence) {
      return xcomposer.memory.claim({ ...claim, held: () => this.heldPositions });
    }
    const { adapter = 'base' } = this.#options;
    const room = { capacity: capacityFor(prompt, answering), slots: beamCount(answering.beams) };
    const opened = xcomposer.claimSequence({ ...room, adapter, prompt: prompt.chunks }, claim);
    this.#sequence = opened.sequence;
    return opened.claimed;
  }

  #claimOf(
    { chunks }: PreparedPrompt,
    shown: readonly Shown[],
    { maxNewTokens, beams }: RespondOptions,
    memoryBudget?: number | string,
  ): MemoryClaim {
    const count = beamCount(beams);
    const request = {
      ...{ prompt: promptParts(chunks), maxNewTokens, beams: count, capacityStep: CAPACITY_STEP },
      adapter: this.#options.adapter ?? 'base',
    };
    return {
      ...{ doing: 'This answer', request },
      levers: [
        {
          ...{ setting: 'maxNewTokens', now: maxNewTokens },
          with: (value) => ({ ...request, maxNewTokens: value }),
        },
        { setting: 'beams', now: count, with: (value) => ({ ...request, beams: value }) },
        ...this.#hdNumLever(shown, (grids) => ({ ...request, prompt: promptParts(chunks, grids) })),
      ],
      ...(memoryBudget !== undefined && { bytes: parseBytes(memoryBudget) }),
    };
  }

  /** None when there is no picture to cut less finely. */
  #hdNumLever(
    shown: readonly Shown[],
    withGrids: (grids: readonly Grid[]) => ClaimedRequest,
  ): readonly MemoryLever[] {
    const now = this.#album.hdNum(shown);
    if (now === undefined) return [];
    return [{ setting: 'hdNum', now, with: (most) => withGrids(this.#album.grids(shown, most)) }];
  }

  async *#respond(
    prompt: PreparedPrompt,
    options: RespondOptions,
    claimed: ClaimedMemory,
  ): AsyncGenerator<ChatEvent> {
    const sequence = await this.#roomySequence(this.#sequence!, prompt, options, claimed);
    yield* respond(sequence, this.#model.tokenizer, prompt, options);
  }

  /** The sequence of the turns before, with room for this one. */
  async #roomySequence(
    sequence: Sequence,
    prompt: PreparedPrompt,
    answering: RespondOptions,
    claimed: ClaimedMemory,
  ): Promise<Sequence> {
    const { adapter = 'base', maxLength = xcomposer2d5.maxLength } = this.#options;
    const { maxNewTokens } = answering;
    const slots = beamCount(answering.beams);
    const capacity = capacityFor(prompt, answering);
    const roomy = roomyCapacity(sequence, capacity, maxLength + maxNewTokens);
    const full = {
      prompt: [{ type: 'text', tokens: roomy - maxNewTokens }],
      maxNewTokens,
    } as const;
    const fits = roomy > capacity && claimed.fits({ ...full, beams: slots, adapter });
    await growTo(sequence, fits ? [roomy, capacity] : [capacity], slots);
    return sequence;
  }
}

function capacityFor({ written }: PreparedPrompt, { maxNewTokens }: RespondOptions): number {
  return inSteps(written.length + maxNewTokens);
}

function inSteps(positions: number): number {
  return Math.ceil(positions / CAPACITY_STEP) * CAPACITY_STEP;
}

/**
 * Growing moves all that is held: half as much again at least makes it rare. Before anything is held it
 * moves nothing, so that the first turn leaves room for the next ones.
 */
function roomyCapacity({ capacity, length }: Sequence, wanted: number, longest: number): number {
  if (wanted <= capacity && length > 0) return wanted;
  return Math.max(wanted, Math.min(inSteps(1.5 * capacity), inSteps(longest)));
}

/** Grows to the first of these capacities that there is memory for. */
async function growTo(
  sequence: Sequence,
  [capacity, ...others]: readonly number[],
  slots: number,
): Promise<void> {
  try {
    await sequence.grow({ capacity: capacity!, slots });
  } catch (error) {
    if (others.length === 0 || !(error instanceof CacheMemoryError)) throw error;
    await growTo(sequence, others, slots);
  }
}

function metaText(meta: string | boolean | undefined): string {
  if (typeof meta === 'string') return meta;
  return meta ? xcomposer2d5.metaTexts.chat : '';
}
