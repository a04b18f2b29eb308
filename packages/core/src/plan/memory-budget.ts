import { UnsupportedError } from '../backend/errors.ts';
import { ClaimedRows, type KeptRows, type PictureRows } from './claimed-rows.ts';
import type { PlannedModel } from './describe-model.ts';
import { largestThatFits } from './largest-that-fits.ts';
import { type BudgetAdvice, type BudgetSetting, MemoryBudgetError } from './memory-budget-error.ts';
import {
  type EncodedPicture,
  encodedPictures,
  kvAdvice,
  largestShares,
  type MemoryPlan,
  type MemoryRequest,
  planMemory,
} from './plan-memory.ts';

/** Something that holds keys and values of so many positions. */
export interface PositionHolder {
  readonly positions: number;
  /** Gives some of them back. Whether there were any; without it, all are in use. */
  readonly giveBack?: () => boolean;
}

/** What others hold while somebody asks. */
type HeldByOthers = Required<Pick<MemoryRequest, 'heldPositions' | 'heldImageRows'>>;

/** What somebody asks for; what others hold at that time is the budget's to know. */
export type ClaimedRequest = Omit<MemoryRequest, keyof HeldByOthers>;

/** A setting of a request, and the request that another value of it makes. */
export interface MemoryLever {
  readonly setting: BudgetSetting;
  readonly now: number;
  readonly with: (value: number) => ClaimedRequest;
}

export interface MemoryClaim {
  /** What needs the memory, for messages: `'This answer'`. */
  readonly doing: string;
  readonly request: ClaimedRequest;
  /** Settings that make it take less when they are lower. Default: none. */
  readonly levers?: readonly MemoryLever[];
  /** Positions that the claimant holds already, for this request or not. Default: none. */
  readonly held?: () => number;
  /** How many bytes this process may take. Default: as the model was opened with. */
  readonly bytes?: number;
}

/** Memory set aside for a request, until it is disposed. */
export interface ClaimedMemory extends Disposable {
  /** Whether this would have been granted as well, in place of the request. */
  fits(request: ClaimedRequest): boolean;
}

/**
 * Holds a model to the memory that it may take. Everything that makes it hold positions is counted
 * here, and encoded pictures are, so that each plan knows of all others. Knows nothing of what the
 * positions stand for.
 */
export class MemoryBudget {
  readonly #holders = new Set<PositionHolder>();
  readonly #rows: ClaimedRows;

  constructor(
    /** How many bytes this process may take in all. */
    readonly bytes: number,
    /** None when the backend does not say how it uses memory. */
    readonly planned: () => PlannedModel | undefined,
    /** Encoded pictures that it keeps. */
    imageRows: KeptRows = noRows,
  ) {
    this.#rows = new ClaimedRows(imageRows);
  }

  /** Positions whose keys and values are held now, or may be without asking again. */
  get heldPositions(): number {
    return positionsOf([...this.#holders]);
  }

  get #positionsInUse(): number {
    return this.heldPositions - positionsOf(this.#idle);
  }

  get #idle(): readonly PositionHolder[] {
    return [...this.#holders].filter(({ giveBack }) => giveBack);
  }

  /** Pictures last: to encode one again takes longer than to read as much of a past. */
  #giveBackUntil(fits: () => boolean, own: PictureRows): void {
    while (!fits()) {
      const some = this.#idle.some((holder) => holder.giveBack!()) || this.#rows.dropOldest(own);
      if (!some) return;
    }
  }

  /** Counts what a holder holds, until the result is disposed. */
  hold(holder: PositionHolder): Disposable {
    this.#holders.add(holder);
    return { [Symbol.dispose]: () => void this.#holders.delete(holder) };
  }

  /**
   * Sets aside what a request will hold, until the result is disposed. What nobody uses is given back
   * where that makes room for it, but for pictures that it shows.
   *
   * @throws MemoryBudgetError naming each setting that alone would make it fit, and the value;
   * UnsupportedError when there is a budget, but the backend does not say how it uses memory.
   */
  claim({ request, held = () => 0, bytes = this.bytes, ...rest }: MemoryClaim): ClaimedMemory {
    const known = this.planned();
    if (bytes === Infinity && !known) return { fits: () => true, [Symbol.dispose]() {} };
    const model = requirePlanned(known);
    const { positions, segments } = planMemory(model, request);
    const own = rowsOf(encodedPictures(model, segments));
    const asking = { model, held: held(), bytes };
    const inUse: HeldByOthers = {
      heldPositions: this.#positionsInUse - held(),
      heldImageRows: this.#rows.bytesInUseBeside(own),
    };
    if (!isRoomFor(request, inUse, asking)) throw refusal(inUse, asking, { ...rest, request });
    const others = (): HeldByOthers => ({
      heldPositions: this.heldPositions - held(),
      heldImageRows: this.#rows.bytesBeside(own),
    });
    this.#giveBackUntil(() => isRoomFor(request, others(), asking), own);
    const beside = others();
    const rows = this.#rows.claim(own);
    const holding = this.hold({
      get positions() {
        return Math.max(0, positions - held());
      },
    });
    return {
      fits: (other) => isRoomFor(other, beside, asking),
      [Symbol.dispose]: () => {
        holding[Symbol.dispose]();
        rows[Symbol.dispose]();
      },
    };
  }
}

const noRows: KeptRows = { sizes: new Map(), dropOldest: () => false };

/** Those that are known by a key: others are nobody's but the request's. */
function rowsOf(pictures: readonly EncodedPicture[]): PictureRows {
  return new Map(pictures.flatMap(({ key, bytes }) => (key === undefined ? [] : [[key, bytes]])));
}

interface Asking {
  readonly model: PlannedModel;
  /** Positions that the claimant holds. */
  readonly held: number;
  readonly bytes: number;
}

/** What a claimant holds beyond his request stays his until he has begun. */
function planBeside(
  request: ClaimedRequest,
  others: HeldByOthers,
  { model, held }: Omit<Asking, 'bytes'>,
): MemoryPlan {
  const plan = planMemory(model, { ...request, ...others });
  const beyond = held - (plan.positions - others.heldPositions);
  if (beyond <= 0) return plan;
  const heldPositions = others.heldPositions + beyond;
  return planMemory(model, { ...request, ...others, heldPositions });
}

function isRoomFor(request: ClaimedRequest, others: HeldByOthers, asking: Asking): boolean {
  return planBeside(request, others, asking).peak <= asking.bytes;
}

function positionsOf(holders: readonly PositionHolder[]): number {
  return holders.reduce((sum, { positions }) => sum + positions, 0);
}

function refusal(
  others: HeldByOthers,
  asking: Asking,
  { doing, request, levers = [] }: MemoryClaim,
): MemoryBudgetError {
  const { model, bytes } = asking;
  const advice = [
    ...levers.flatMap((lever) => lowered(lever, (each) => isRoomFor(each, others, asking))),
    ...kvAdvice(model, (changed) => isRoomFor(request, others, { ...asking, model: changed })),
  ];
  const plan = planBeside(request, others, asking);
  return new MemoryBudgetError(doing, plan.peak, bytes, advice, largestShares(plan.bytes));
}

function lowered(
  { setting, now, with: withValue }: MemoryLever,
  fits: (request: ClaimedRequest) => boolean,
): BudgetAdvice[] {
  const value = largestThatFits(now - 1, (each) => fits(withValue(each)));
  return value > 0 ? [{ setting, value }] : [];
}

function requirePlanned(planned: PlannedModel | undefined): PlannedModel {
  if (planned) return planned;
  throw new UnsupportedError(
    'Cannot keep a memory budget: the backend does not say how it uses memory. Leave out memoryBudget',
  );
}
