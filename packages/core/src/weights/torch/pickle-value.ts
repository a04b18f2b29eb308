/** What a pickle describes, as plain data. A call is only written down; nothing here makes it. */
export type PickleValue =
  | PickleKey
  | PickleSequence
  | PickleDict
  | PickleGlobal
  | PickleCall
  | PickleReference;

export type PickleKey = null | boolean | number | string;

export interface PickleSequence {
  readonly kind: 'tuple' | 'list';
  readonly items: PickleValue[];
}

export interface PickleDict {
  readonly kind: 'dict';
  readonly entries: Map<PickleKey, PickleValue>;
}

/** A function or class by its dotted name. */
export interface PickleGlobal {
  readonly kind: 'global';
  readonly name: string;
}

export interface PickleCall {
  readonly kind: 'call';
  readonly callee: string;
  readonly arguments: readonly PickleValue[];
}

/** Something kept outside of the pickle: for PyTorch, a storage. */
export interface PickleReference {
  readonly kind: 'reference';
  readonly id: PickleValue;
}
