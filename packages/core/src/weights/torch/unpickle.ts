import { CheckpointError, type CheckpointFault, quoted } from '../errors.ts';
import type { CheckpointLimits } from '../limits.ts';
import { ByteCursor } from './byte-cursor.ts';
import type { PickleDict, PickleKey, PickleSequence, PickleValue } from './pickle-value.ts';

export interface UnpickleOptions {
  /** Named in errors. */
  readonly file: string;
  /** Dotted names of the functions and classes a pickle may mention. Any other is an error. */
  readonly allowed: ReadonlySet<string>;
  readonly limits: CheckpointLimits;
}

const ORDERED_DICT = 'collections.OrderedDict';
const STOP = 0x2e;

/**
 * Reads a pickle of protocol 2, the one `torch.save` writes, as a description of data: functions are
 * never looked up, imported or called. Dictionaries become Maps, calls become `PickleCall`s.
 *
 * @throws CheckpointError when the pickle names a global that is not allowed, uses an instruction
 *   that weights do not need, contradicts itself or exceeds a limit.
 */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions): PickleValue {
  const machine = new PickleMachine(bytes, options);
  for (;;) {
    const opcode = machine.nextOpcode();
    if (opcode === STOP) return machine.result();
    const step = INSTRUCTIONS.get(opcode);
    if (!step) throw machine.unknown(opcode);
    step(machine);
  }
}

/** The state a pickle builds on: a stack cut into frames by marks, and a memo of numbered values. */
class PickleMachine {
  readonly cursor: ByteCursor;
  readonly #options: UnpickleOptions;
  readonly #outer: PickleValue[][] = [];
  readonly #memo = new Map<number, PickleValue>();
  #frame: PickleValue[] = [];
  #depth = 0;
  #steps = 0;

  constructor(bytes: Uint8Array, options: UnpickleOptions) {
    this.cursor = new ByteCursor(bytes, options.file);
    this.#options = options;
  }

  nextOpcode(): number {
    this.#limit('pickleSteps', ++this.#steps);
    return this.cursor.uint8();
  }

  push(value: PickleValue): void {
    this.#limit('pickleStack', ++this.#depth);
    this.#frame.push(value);
  }

  pop(): PickleValue {
    const value = this.peek();
    this.#frame.pop();
    this.#depth--;
    return value;
  }

  peek(): PickleValue {
    const value = this.#frame.at(-1);
    if (value === undefined) {
      throw this.malformed('an instruction needs a value, but there is none');
    }
    return value;
  }

  mark(): void {
    this.#limit('pickleStack', ++this.#depth);
    this.#outer.push(this.#frame);
    this.#frame = [];
  }

  /** Everything since the last mark. */
  popToMark(): PickleValue[] {
    const items = this.#frame;
    const outer = this.#outer.pop();
    if (!outer) throw this.malformed('an instruction needs a mark, but there is none');
    this.#frame = outer;
    this.#depth -= items.length + 1;
    return items;
  }

  remember(index: number): void {
    this.#memo.set(index, this.peek());
    this.#limit('pickleMemo', this.#memo.size);
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) {
      throw this.malformed(`it refers to value ${index}, which it never named`);
    }
    this.push(value);
  }

  text(length: number): string {
    this.#limit('pickleStringBytes', length);
    return this.cursor.text(length);
  }

  global(): void {
    const { pickleStringBytes } = this.#options.limits;
    const name = `${this.cursor.line(pickleStringBytes)}.${this.cursor.line(pickleStringBytes)}`;
    if (!this.#options.allowed.has(name)) throw this.#forbidden(name);
    this.push({ kind: 'global', name });
  }

  result(): PickleValue {
    if (this.#depth !== 1) {
      throw this.malformed(`it ends with ${this.#depth} values instead of one`);
    }
    return this.peek();
  }

  malformed(detail: string): CheckpointError {
    return this.#error(
      'malformed',
      `its pickle is broken near byte ${this.cursor.position}: ${detail}`,
    );
  }

  unknown(opcode: number): CheckpointError {
    return this.#error(
      'unsupported',
      `its pickle uses instruction 0x${opcode.toString(16)}, which torch.save does not write for weights. ${RESAVE}`,
    );
  }

  #forbidden(name: string): CheckpointError {
    return this.#error(
      'unsafe',
      `its pickle asks for ${quoted(name)}, which weights do not need; nothing was run. ${RESAVE}`,
    );
  }

  #limit(limit: keyof CheckpointLimits, value: number): void {
    const most = this.#options.limits[limit];
    if (value <= most) return;
    throw this.#error('over-limit', `its pickle needs ${value} of ${limit}, the limit is ${most}`);
  }

  #error(reason: CheckpointFault, detail: string): CheckpointError {
    return new CheckpointError(reason, detail, { file: this.#options.file });
  }
}

const RESAVE =
  'If you trust where it is from, open it in PyTorch and save its state_dict() as safetensors';

type Instruction = (machine: PickleMachine) => void;

// The opcodes of CPython's pickletools that state dictionaries need, and no others.
const INSTRUCTIONS: ReadonlyMap<number, Instruction> = new Map<number, Instruction>([
  [0x80, checkProtocol],
  [0x28, (machine) => machine.mark()],
  [0x4e, (machine) => machine.push(null)],
  [0x88, (machine) => machine.push(true)],
  [0x89, (machine) => machine.push(false)],
  [0x4b, (machine) => machine.push(machine.cursor.uint8())], // BININT1
  [0x4d, (machine) => machine.push(machine.cursor.uint16())], // BININT2
  [0x4a, (machine) => machine.push(machine.cursor.int32())], // BININT
  [0x8a, (machine) => machine.push(longInteger(machine))], // LONG1
  [0x47, (machine) => machine.push(machine.cursor.float64())], // BINFLOAT
  [0x58, (machine) => machine.push(machine.text(machine.cursor.uint32()))], // BINUNICODE
  [0x71, (machine) => machine.remember(machine.cursor.uint8())], // BINPUT
  [0x72, (machine) => machine.remember(machine.cursor.uint32())], // LONG_BINPUT
  [0x68, (machine) => machine.recall(machine.cursor.uint8())], // BINGET
  [0x6a, (machine) => machine.recall(machine.cursor.uint32())], // LONG_BINGET
  [0x29, (machine) => pushTuple(machine, 0)],
  [0x85, (machine) => pushTuple(machine, 1)],
  [0x86, (machine) => pushTuple(machine, 2)],
  [0x87, (machine) => pushTuple(machine, 3)],
  [0x74, (machine) => machine.push({ kind: 'tuple', items: machine.popToMark() })], // TUPLE
  [0x5d, (machine) => machine.push({ kind: 'list', items: [] })], // EMPTY_LIST
  [0x7d, (machine) => machine.push({ kind: 'dict', entries: new Map() })], // EMPTY_DICT
  [0x61, (machine) => append(machine, [machine.pop()])], // APPEND
  [0x65, (machine) => append(machine, machine.popToMark())], // APPENDS
  [0x73, (machine) => setItems(machine, [machine.pop(), machine.pop()].reverse())], // SETITEM
  [0x75, (machine) => setItems(machine, machine.popToMark())], // SETITEMS
  [0x63, (machine) => machine.global()], // GLOBAL
  [0x51, (machine) => machine.push({ kind: 'reference', id: machine.pop() })], // BINPERSID
  [0x52, call], // REDUCE
  [0x62, build], // BUILD
]);

function checkProtocol(machine: PickleMachine): void {
  const protocol = machine.cursor.uint8();
  if (protocol !== 2) {
    throw machine.malformed(
      `it has protocol ${protocol} instead of 2. Save it without pickle_protocol`,
    );
  }
}

/** A little-endian signed integer of any length; more than a place in a file can be is an error. */
function longInteger(machine: PickleMachine): number {
  const bytes = machine.cursor.bytes(machine.cursor.uint8());
  let value = 0n;
  for (const byte of bytes.toReversed()) value = (value << 8n) | BigInt(byte);
  const signed = Number(BigInt.asIntN(bytes.length * 8, value));
  if (!Number.isSafeInteger(signed)) throw machine.malformed('an integer is too large');
  return signed;
}

function pushTuple(machine: PickleMachine, length: number): void {
  const items = Array.from({ length }, () => machine.pop()).reverse();
  machine.push({ kind: 'tuple', items });
}

function append(machine: PickleMachine, items: readonly PickleValue[]): void {
  const list = machine.peek();
  if (!isSequence(list) || list.kind !== 'list') {
    throw machine.malformed('it appends to what is no list');
  }
  for (const item of items) list.items.push(item);
}

function setItems(machine: PickleMachine, items: readonly PickleValue[]): void {
  const dict = machine.peek();
  if (!isDict(dict) || items.length % 2 !== 0) {
    throw machine.malformed('it fills what is no dictionary');
  }
  for (let index = 0; index < items.length; index += 2) {
    const key = items[index]!;
    if (!isKey(key)) throw machine.malformed('a dictionary has a key that is not plain');
    dict.entries.set(key, items[index + 1]!);
  }
}

function call(machine: PickleMachine): void {
  const tuple = machine.pop();
  const callee = machine.pop();
  if (!isSequence(tuple) || tuple.kind !== 'tuple') {
    throw machine.malformed('a call without arguments');
  }
  if (typeof callee !== 'object' || callee?.kind !== 'global') {
    throw machine.malformed('it calls what is no function');
  }
  if (callee.name !== ORDERED_DICT) {
    machine.push({ kind: 'call', callee: callee.name, arguments: tuple.items });
    return;
  }
  if (tuple.items.length > 0) throw machine.malformed('an ordered dictionary does not start empty');
  machine.push({ kind: 'dict', entries: new Map() });
}

// Attributes that Module.state_dict() hangs on its dictionary, `_metadata`: they say nothing of weights.
function build(machine: PickleMachine): void {
  machine.pop();
  if (!isDict(machine.peek())) {
    throw machine.malformed('it sets attributes of what is no dictionary');
  }
}

function isKey(value: PickleValue): value is PickleKey {
  return typeof value !== 'object' || value === null;
}

export function isDict(value: PickleValue | undefined): value is PickleDict {
  return typeof value === 'object' && value?.kind === 'dict';
}

export function isSequence(value: PickleValue | undefined): value is PickleSequence {
  return typeof value === 'object' && (value?.kind === 'tuple' || value?.kind === 'list');
}
