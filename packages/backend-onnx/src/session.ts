import koffi from 'koffi';
import type { Handle } from './api.ts';
import { OnnxRuntimeError } from './errors.ts';
import { KeptNumbers } from './kept-numbers.ts';
import type { Runtime } from './library.ts';
import type { LoweredGraph } from './lower-graph.ts';
import type { ElementType } from './model-writer.ts';
import type { Provider } from './providers.ts';
import { type Results, SpareResults } from './spare-results.ts';
import { adoptValue, type ElementArray, type NativeValue } from './values.ts';

export interface SessionSettings {
  readonly provider: Provider;
  readonly threads: number;
  /** Whether dense weights are copied into the layout that its kernels like best. */
  readonly prepack: boolean;
  /** What sessions of one program share, so that a weight is copied once at most. */
  readonly prepackedWeights: Handle;
}

/**
 * Threads wait awake from one operator to the next, a few dozen microseconds, and sleep soon after
 * the last: a decoder has hundreds of operators a token, and without it decodes 1.2 to 1.4 times as
 * slowly. Those of an idle session must not hold the cores for long, because the next run belongs to
 * another session with threads of its own (docs/decisions/012).
 */
const spinning = {
  'session.intra_op.allow_spinning': '1',
  'session.intra_op.spin_duration_us': '200',
} as const;

export interface SessionRun {
  readonly signal?: AbortSignal | undefined;
  /** Those of the results to come, as far as they are known. Default: none is. */
  readonly shapes?: Results<readonly number[]>;
}

/** One compiled model with its bindings. Runs one at a time. */
export class OnnxSession implements Disposable {
  /** What each name is bound to: only what changes is bound again. */
  readonly #bound = new Map<string, NativeValue>();
  /** What was bound together last, by its key. */
  readonly #lists = new Map<string, object | string>();
  readonly #numbers: KeptNumbers;
  readonly #spare = new SpareResults();
  #runOptions: Handle | undefined;
  #disposed = false;

  private constructor(
    readonly runtime: Runtime,
    readonly name: string,
    readonly outputs: readonly string[],
    readonly handle: Handle,
    readonly binding: Handle,
    /** Whether binding an input copies it out of this process's memory. */
    readonly copiesInputs: boolean,
  ) {
    this.#numbers = new KeptNumbers(runtime);
    this.#expectOutputs(outputs);
  }

  /**
   * `outputs` are the results that ONNX Runtime allocates, in the order `run` returns them.
   *
   * @throws the signal's reason when it is aborted: within a weight that is being packed.
   */
  static async open(
    runtime: Runtime,
    name: string,
    lowered: LoweredGraph,
    outputs: readonly string[],
    settings: SessionSettings,
    signal?: AbortSignal,
  ): Promise<OnnxSession> {
    const { api } = runtime;
    const options = createOptions(runtime, lowered, settings);
    try {
      const handle = await compileModel(runtime, name, lowered, options, settings, signal);
      const binding = api.create(`preparing "${name}"`, 'CreateIoBinding', handle);
      const copiesInputs = settings.provider.memoryName !== undefined;
      return new OnnxSession(runtime, name, outputs, handle, binding, copiesInputs);
    } finally {
      api.release('ReleaseSessionOptions', options);
    }
  }

  /** Numbers in this process's memory are copied to a device at this moment, so those bind anew. */
  bindInput(name: string, value: NativeValue): void {
    const isCopied = this.copiesInputs && value.onHost;
    if (this.#bound.get(name) === value && !isCopied) return;
    this.runtime.api.call(`binding "${name}"`, 'BindInput', this.binding, name, value.handle);
    this.#bound.set(name, value);
  }

  bindOutput(name: string, value: NativeValue): void {
    if (this.#bound.get(name) === value) return;
    this.runtime.api.call(`binding "${name}"`, 'BindOutput', this.binding, name, value.handle);
    this.#bound.set(name, value);
  }

  /** Binds a copy of numbers; where they fill only the first rows, the others are any numbers. */
  bindNumbers(name: string, type: ElementType, shape: readonly number[], data: ElementArray): void {
    this.bindInput(name, this.#numbers.put(name, type, shape, data));
  }

  /** Binds what belongs together, unless this very list was the last one under its key. */
  bindList(key: string, list: object | string, bind: () => void): void {
    if (this.#lists.get(key) === list) return;
    this.#lists.delete(key); // a binding that fails in the middle is neither
    bind();
    this.#lists.set(key, list);
  }

  /**
   * Runs with what is bound, and returns the results that were not. They are written over results
   * that were given back, where those have their shapes.
   *
   * @throws the signal's reason when it is aborted: the run ends after the operator at work.
   */
  async run({ signal, shapes = [] }: SessionRun = {}): Promise<readonly NativeValue[]> {
    const spare = this.#spare.take(shapes);
    const fresh = this.outputs.filter((_, index) => !spare[index]);
    try {
      this.#expectOutputs(fresh.filter((name) => this.#bound.has(name)));
      for (const [index, value] of spare.entries()) {
        if (value) this.bindOutput(this.outputs[index]!, value);
      }
      await this.#runBound(signal);
      return fresh.length > 0 ? this.#takeResults(spare) : (spare as readonly NativeValue[]);
    } catch (error) {
      for (const [index, value] of spare.entries()) if (value) this.giveBack(index, value);
      throw error;
    } finally {
      this.#expectOutputs(fresh);
    }
  }

  /** Takes back a result that nobody reads any more. */
  giveBack(output: number, value: NativeValue): void {
    if (this.#disposed || this.copiesInputs) value[Symbol.dispose]();
    else this.#spare.put(output, value);
  }

  /** Lets go of everything bound, so that its memory can be given back. */
  unbind(): void {
    const { api } = this.runtime;
    api.release('ClearBoundInputs', this.binding);
    api.release('ClearBoundOutputs', this.binding);
    this.#bound.clear();
    this.#lists.clear();
    this.#expectOutputs(this.outputs);
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#bound.clear();
    this.#lists.clear();
    this.#numbers[Symbol.dispose]();
    this.#spare[Symbol.dispose]();
    this.#forgetRunOptions();
    this.runtime.api.release('ReleaseIoBinding', this.binding);
    this.runtime.api.release('ReleaseSession', this.handle);
  }

  async #runBound(signal: AbortSignal | undefined): Promise<void> {
    const { api } = this.runtime;
    const doing = `running "${this.name}"`;
    signal?.throwIfAborted();
    this.#runOptions ??= api.create(doing, 'CreateRunOptions');
    const stop = () => api.call(doing, 'RunOptionsSetTerminate', this.#runOptions);
    signal?.addEventListener('abort', stop);
    try {
      await api.callAsync(
        doing,
        'RunWithBinding',
        ...[this.handle, this.#runOptions, this.binding],
      );
      signal?.throwIfAborted();
    } catch (error) {
      if (error instanceof OnnxRuntimeError) signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', stop);
      if (signal?.aborted) this.#forgetRunOptions();
    }
  }

  /** Those that have told a run to stop would stop every one. */
  #forgetRunOptions(): void {
    if (this.#runOptions) this.runtime.api.release('ReleaseRunOptions', this.#runOptions);
    this.#runOptions = undefined;
  }

  /** Asks for fresh memory for results; without it the next run would write over the last one's. */
  #expectOutputs(names: readonly string[]): void {
    const { api, cpuMemory } = this.runtime;
    for (const name of names) {
      api.call(`binding "${name}"`, 'BindOutputToDevice', this.binding, name, cpuMemory);
      this.#bound.delete(name);
    }
  }

  /** The results come as one list of addresses; bound caches come after them. */
  #takeResults(spare: Results): readonly NativeValue[] {
    const { api, allocator } = this.runtime;
    const doing = `running "${this.name}"`;
    const count: [number | bigint] = [0];
    const list: [Handle | null] = [null];
    api.call(doing, 'GetBoundOutputValues', this.binding, allocator, list, count);
    const handles = decodeAddresses(list[0]!, Number(count[0]));
    api.call(doing, 'AllocatorFree', allocator, list[0]);
    const isOurs = (index: number) => index >= this.outputs.length || spare[index] !== undefined;
    for (const [index, known] of handles.entries()) {
      if (isOurs(index)) api.release('ReleaseValue', known);
    }
    return this.outputs.map(
      (_, index) => spare[index] ?? adoptValue(this.runtime, handles[index]!),
    );
  }
}

async function compileModel(
  { api, environment }: Runtime,
  name: string,
  { model }: LoweredGraph,
  options: Handle,
  { prepackedWeights }: SessionSettings,
  signal: AbortSignal | undefined,
): Promise<Handle> {
  const doing = `compiling "${name}"`;
  const stop = () => api.call(doing, 'SessionOptionsSetLoadCancellationFlag', options, true);
  signal?.throwIfAborted();
  signal?.addEventListener('abort', stop);
  try {
    const handle = await api.createAsync(
      doing,
      'CreateSessionFromArrayWithPrepackedWeightsContainer',
      ...[environment, model, model.byteLength, options, prepackedWeights],
    );
    if (signal?.aborted) api.release('ReleaseSession', handle);
    signal?.throwIfAborted();
    return handle;
  } catch (error) {
    if (error instanceof OnnxRuntimeError) signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

function decodeAddresses(list: Handle, count: number): readonly Handle[] {
  return Array.from(new BigUint64Array(koffi.view(list, count * 8).slice(0)));
}

function createOptions(
  runtime: Runtime,
  lowered: LoweredGraph,
  { provider, threads, prepack }: SessionSettings,
): Handle {
  const { api, folder } = runtime;
  const doing = 'setting up a session';
  const options = api.create(doing, 'CreateSessionOptions');
  try {
    api.call(doing, 'SetIntraOpNumThreads', options, threads);
    const entries = {
      ...spinning,
      'session.model_external_initializers_file_folder_path': folder,
      'session.disable_prepacking': prepack || lowered.needsPrepacking ? '0' : '1',
    };
    for (const [key, value] of Object.entries(entries)) {
      api.call(doing, 'AddSessionConfigEntry', options, key, value);
    }
    if (lowered.usesKernels) runtime.kernels().addTo(options);
    addParameters(runtime, options, lowered, provider);
    provider.append(options);
    return options;
  } catch (error) {
    api.release('ReleaseSessionOptions', options);
    throw error;
  }
}

/**
 * AddInitializer makes sessions share a parameter, but hides its numbers from the optimizer, which
 * would fold what the model's placeholder holds; AddExternalInitializers shows them, but then the
 * optimizer may keep a copy. So the large ones, which nothing folds, are only shared. A device has
 * its own copy of everything in any case.
 */
function addParameters(
  { api }: Runtime,
  options: Handle,
  { parameters, visible }: LoweredGraph,
  { memoryName }: Provider,
): void {
  const shown = memoryName === undefined ? visible : parameters;
  const names = shown.map(({ name }) => name);
  const handles = shown.map(({ value }) => value.handle);
  const doing = 'handing over the weights';
  if (shown.length > 0) {
    api.call(doing, 'AddExternalInitializers', options, names, handles, names.length);
  }
  if (memoryName !== undefined) return;
  for (const { name, value } of parameters) {
    api.call(doing, 'AddInitializer', options, name, value.handle);
  }
}
