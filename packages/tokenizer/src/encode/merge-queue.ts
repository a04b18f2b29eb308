/** Two neighbouring symbols that may be joined: [left, middle) and [middle, end), in UTF-16 units. */
interface MergeCandidate {
  /** The symbol that joining makes. */
  readonly joined: number;
  readonly score: number;
  readonly left: number;
  readonly middle: number;
  readonly end: number;
}

/** Gives back merge candidates, the highest score first and the leftmost first among equals. */
export interface MergeQueue {
  push(candidate: MergeCandidate): void;
  pop(): MergeCandidate | undefined;
}

/** A binary heap: the children of place p are at 2p+1 and 2p+2. */
export function createMergeQueue(): MergeQueue {
  const heap: MergeCandidate[] = [];
  return {
    push(candidate) {
      heap.push(candidate);
      rise(heap);
    },
    pop() {
      const top = heap[0];
      const last = heap.pop();
      if (last !== undefined && heap.length > 0) sink(heap, last);
      return top;
    },
  };
}

function isBefore(a: MergeCandidate, b: MergeCandidate): boolean {
  return a.score > b.score || (a.score === b.score && a.left < b.left);
}

/** Moves the last candidate up to its place. */
function rise(heap: MergeCandidate[]): void {
  let place = heap.length - 1;
  const candidate = heap[place]!;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    if (!isBefore(candidate, heap[parent]!)) break;
    heap[place] = heap[parent]!;
    place = parent;
  }
  heap[place] = candidate;
}

/** Puts `candidate` at the top in place of what was there, and moves it down to its place. */
function sink(heap: MergeCandidate[], candidate: MergeCandidate): void {
  let place = 0;
  for (;;) {
    let child = 2 * place + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, candidate)) break;
    heap[place] = heap[child]!;
    place = child;
  }
  heap[place] = candidate;
}
