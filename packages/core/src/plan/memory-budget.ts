import { UnsupportedError } from '../backend/errors.ts';
import type { PlannedModel } from './describe-model.ts';
import { largestThatFits } from './largest-that-fits.ts';
import { type BudgetAdvice, type BudgetSetting, MemoryBudgetError } from './memory-budget-error.ts';
import { int8Advice, largestShares, type MemoryRequest, planMemory } from './plan-memory.ts';

/** Something that holds keys and values of so many positions. */
export interface PositionHolder {
  readonly positions: number;
  /** Gives some of them back. Whether there were any; without it, all are in use. */
  readonly giveBack?: () => boolean;
}

/** What somebody asks for; what others hold at that time is the budget's to know. */
export type ClaimedRequest = Omit<MemoryRequest, 'heldPositions'>;

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
  /** Positions of the request that are counted as somebody's already. Default: none. */
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
 * here, so that each plan knows of all others. Knows nothing of what the positions stand for.
 */
export class MemoryBudget {
  readonly #holders = new Set<PositionHolder>();

  constructor(
    /** How many bytes this process may take in all. */
    readonly bytes: number,
    /** None when the backend does not say how it uses memory. */
    readonly planned: () => PlannedModel | undefined,
  ) {}

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

  #giveBackUntil(fits: () => boolean): void {
    while (!fits() && this.#idle.some((holder) => holder.giveBack!()));
  }

  /** Counts what a holder holds, until the result is disposed. */
  hold(holder: PositionHolder): Disposable {
    this.#holders.add(holder);
    return { [Symbol.dispose]: () => void this.#holders.delete(holder) };
  }

  /**
   * Sets aside what a request will hold, until the result is disposed. What nobody uses is given back
   * where that makes room for it.
   *
   * @throws MemoryBudgetError naming each setting that alone would make it fit, and the value;
   * UnsupportedError when there is a budget, but the backend does not say how it uses memory.
   */
  claim({ request, held = () => 0, bytes = this.bytes, ...rest }: MemoryClaim): ClaimedMemory {
    if (bytes === Infinity) return { fits: () => true, [Symbol.dispose]() {} };
    const model = requirePlanned(this.planned());
    const isRoomFor = (asked: ClaimedRequest, heldPositions: number) =>
      planMemory(model, { ...asked, heldPositions }).peak <= bytes;
    const inUse = this.#positionsInUse - held();
    if (!isRoomFor(request, inUse)) throw refusal(model, inUse, { ...rest, request, bytes });
    this.#giveBackUntil(() => isRoomFor(request, this.heldPositions - held()));
    const others = this.heldPositions - held();
    const claimed = planMemory(model, request).positions;
    const holding = this.hold({
      get positions() {
        return Math.max(0, claimed - held());
      },
    });
    return {
      fits: (other) => isRoomFor(other, others),
      [Symbol.dispose]: () => holding[Symbol.dispose](),
    };
  }
}

function positionsOf(holders: readonly PositionHolder[]): number {
  return holders.reduce((sum, { positions }) => sum + positions, 0);
}

function refusal(
  model: PlannedModel,
  heldPositions: number,
  { doing, request, levers = [], bytes }: MemoryClaim & { readonly bytes: number },
): MemoryBudgetError {
  const planIn = (changed: PlannedModel, asked: ClaimedRequest) =>
    planMemory(changed, { ...asked, heldPositions });
  const fits = (asked: ClaimedRequest) => planIn(model, asked).peak <= bytes;
  const advice = [
    ...levers.flatMap((lever) => lowered(lever, fits)),
    ...int8Advice(model, (changed) => planIn(changed, request).peak <= bytes),
  ];
  const plan = planIn(model, request);
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
