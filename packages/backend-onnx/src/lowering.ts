import type { NodeOf, OpName, Tensor, Weight } from '@lingbi/core';
import type { Attributes, ElementType, ModelWriter } from './model-writer.ts';
import type { EncodedWeight } from './shared-weights.ts';

/**
 * Sequences in slots of their own, or sequences that continue one slot and share its buffer, in float32 or
 * float16. In int8 a sequence by itself, several that continue one; and where no kernel of ours attends, a
 * sequence with a few new rows, or with many.
 */
export type GroupKind =
  | 'slots'
  | 'branches'
  | 'halfSlots'
  | 'halfBranches'
  | 'int8Slot'
  | 'int8Branches'
  | 'int8'
  | 'int8Chunk';

/** What the lowering of one operation may ask for while it writes its part of the model. */
export interface Lowering {
  readonly model: ModelWriter;
  /** How block-encoded weights are multiplied (MatMulNBits): 4 is int8, 0 is full float32. */
  readonly accuracyLevel: number;
  /** Whether there are operators of ours (native/). */
  readonly ownKernels: boolean;
  /** Whether these attend to pasts. */
  readonly ownAttention: boolean;
  /** The groups the rows of a run fall into; each has its own attention node in every layer. */
  readonly groups: readonly GroupKind[];
  /** The name of a tensor of the graph. */
  name(tensor: Tensor): string;
  /** A name that nothing else in the model has. */
  fresh(hint: string): string;
  /** Writes a node with a single result and returns its name. */
  add(operator: string, inputs: readonly string[], attributes?: Attributes): string;
  /** A dense weight in float32, by name. @throws UnsupportedError when it is encoded. */
  dense(weight: Weight, op: OpName): string;
  /** A table of which rows are looked up, in the numbers of its checkpoint. @throws as `dense`. */
  table(weight: Weight): { readonly name: string; readonly type: ElementType };
  /** A weight in blocks or channels, or undefined when it is dense. */
  encoded(weight: Weight): EncodedWeight | undefined;
  /**
   * The input that holds a rotary table whose rows the run fills, or undefined when these angles
   * are computed inside the graph or rotation has to stand apart.
   */
  rotaryTable(angles: Tensor): string | undefined;
}

export type LowerOp<Op extends OpName> = (node: NodeOf<Op>, lowering: Lowering) => void;
