import koffi, { type LibraryHandle, type TypeObject } from 'koffi';
import {
  type ApiFunction,
  apiVersion,
  getErrorCode,
  getErrorMessage,
  type Parameter,
  type ReleaseFunction,
  releaseFunctions,
  type StatusFunction,
  statusFunctions,
} from './api-functions.ts';
import { IncompatibleLibraryError, OnnxRuntimeError } from './errors.ts';

/** The address of something ONNX Runtime owns. */
export type Handle = bigint;

type NativeFunction = ReturnType<LibraryHandle['func']>;

/** Calls into ONNX Runtime; every status becomes an error that says what was being done. */
export class OnnxApi {
  readonly version: string;
  /** The struct of functions, as libraries of operators want it. */
  readonly functions: Handle;
  /**
   * Prototypes and types of every function below: when one is garbage collected, the function it
   * describes must not be called any more.
   */
  readonly #kept: unknown[] = [];
  readonly #statusFunctions: Readonly<Record<StatusFunction, NativeFunction>>;
  readonly #releaseFunctions: Readonly<Record<ReleaseFunction, NativeFunction>>;
  readonly #errorCode: NativeFunction;
  readonly #errorMessage: NativeFunction;

  constructor(
    readonly path: string,
    readonly library: LibraryHandle,
  ) {
    const base = library.func('void *OrtGetApiBase()')() as Handle;
    this.version = this.#pick(base, 1, 'str', [])() as string;
    const api = this.#api(base);
    this.functions = api;
    const types = this.#types();
    this.#statusFunctions = mapValues(statusFunctions, ([place, ...parameters]: ApiFunction) =>
      this.#pick(
        api,
        place,
        'void *',
        parameters.map((parameter) => types[parameter]),
      ),
    );
    this.#releaseFunctions = mapValues(releaseFunctions, (place: number) =>
      this.#pick(api, place, 'void', ['void *']),
    );
    this.#errorCode = this.#pick(api, getErrorCode, 'int', ['void *']);
    this.#errorMessage = this.#pick(api, getErrorMessage, 'str', ['void *']);
  }

  /** Calls and waits. `doing` completes "failed while …". */
  call(doing: string, name: StatusFunction, ...values: unknown[]): void {
    this.#check(doing, this.#statusFunctions[name](...values));
  }

  /** Calls a function whose last parameter receives what it creates. */
  create(doing: string, name: StatusFunction, ...values: unknown[]): Handle {
    const result: [Handle | null] = [null];
    this.call(doing, name, ...values, result);
    return result[0] as Handle;
  }

  /** Calls on a worker thread: the event loop stays free. */
  callAsync(doing: string, name: StatusFunction, ...values: unknown[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#statusFunctions[name].async(...values, (error: unknown, status: Handle | null) => {
        if (error) return reject(error);
        try {
          resolve(this.#check(doing, status));
        } catch (failure) {
          reject(failure);
        }
      });
    });
  }

  async createAsync(doing: string, name: StatusFunction, ...values: unknown[]): Promise<Handle> {
    const result: [Handle | null] = [null];
    await this.callAsync(doing, name, ...values, result);
    return result[0] as Handle;
  }

  release(name: ReleaseFunction, handle: Handle): void {
    this.#releaseFunctions[name](handle);
  }

  #check(doing: string, status: Handle | null): void {
    if (!status) return;
    const code = this.#errorCode(status) as number;
    const said = this.#errorMessage(status) as string;
    this.release('ReleaseStatus', status);
    throw new OnnxRuntimeError(doing, code, said);
  }

  /** The library answers null to a version newer than its own, after a line on stderr. */
  #api(base: Handle): Handle {
    const [major, minor] = this.version.split('.').map(Number);
    const wanted = `the C API of ONNX Runtime 1.${apiVersion} or a later 1.x`;
    const isKnown = major === 1 && minor! >= apiVersion;
    const api = isKnown ? (this.#pick(base, 0, 'void *', ['uint32'])(apiVersion) as Handle) : null;
    if (!api) throw new IncompatibleLibraryError(this.path, this.version, wanted);
    return api;
  }

  #pick(
    table: Handle,
    place: number,
    returns: string,
    parameters: readonly (string | TypeObject)[],
  ): NativeFunction {
    const prototype = koffi.proto(returns, [...parameters] as string[]);
    this.#kept.push(prototype);
    const address = koffi.decode(table, place * koffi.sizeof('void *'), 'void *');
    return koffi.decode(address, prototype) as NativeFunction;
  }

  #types(): Readonly<Record<Parameter, string | TypeObject>> {
    const pointers = koffi.pointer('void *');
    const counts = koffi.pointer('size_t');
    const types = {
      address: 'void *',
      result: koffi.out(pointers) as unknown as TypeObject,
      countResult: koffi.out(counts) as unknown as TypeObject,
      text: 'str',
      texts: 'str *',
      addresses: pointers,
      int32: 'int32',
      int64s: 'int64 *',
      count: 'size_t',
      flag: 'bool',
    };
    this.#kept.push(types, pointers, counts);
    return types;
  }
}

function mapValues<Key extends string, From, To>(
  record: Readonly<Record<Key, From>>,
  change: (value: From) => To,
): Record<Key, To> {
  const entries = Object.entries<From>(record).map(([key, value]) => [key, change(value)]);
  return Object.fromEntries(entries) as Record<Key, To>;
}
