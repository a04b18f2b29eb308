import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import type { MemoryModel } from '../backend/memory-model.ts';
import type { Prompt } from '../generate/prompt.ts';
import { compileXComposer } from '../models/xcomposer/compile-model.ts';
import { referenceBackend } from '../reference/reference-backend.ts';
import { openCheckpoint } from '../weights/open-checkpoint.ts';
import { describeModel, type PlannedModel } from './describe-model.ts';
import { type ClaimedRequest, MemoryBudget, type MemoryLever } from './memory-budget.ts';
import { MemoryBudgetError } from './memory-budget-error.ts';
import { type MemoryRequest, planMemory } from './plan-memory.ts';
import { weightsAdvice } from './weights-advice.ts';

const folder = fileURLToPath(new URL('../../../../fixtures/ixc25-micro', import.meta.url));
const config = JSON.parse(readFileSync(`${folder}/config.json`, 'utf8'));
const MiB = 2 ** 20;

/** So many positions of text, to be read and written. */
function text(tokens: number): ClaimedRequest {
  return { prompt: [{ type: 'text', tokens }] };
}

let model: PlannedModel;
beforeAll(async () => {
  await using checkpoint = await openCheckpoint(folder);
  model = await describeModel({ backend: referenceBackend, checkpoint, config });
});

/** A budget with just enough room for a request. */
function budgetFor(request: MemoryRequest): MemoryBudget {
  return new MemoryBudget(planMemory(model, request).peak, () => model);
}

const doing = 'This answer';

describe('claim()', () => {
  test('sets positions aside until it is disposed', () => {
    const budget = budgetFor(text(300_000));
    {
      using _claimed = budget.claim({ doing, request: text(200_000) });
      expect(budget.heldPositions).toBe(200_000);
      expect(() => budget.claim({ doing, request: text(200_000) })).toThrow(MemoryBudgetError);
    }
    expect(budget.heldPositions).toBe(0);
    budget.claim({ doing, request: text(200_000) })[Symbol.dispose]();
  });

  test('counts for all others what is held to no budget itself', () => {
    const budget = budgetFor(text(300_000));
    {
      using claimed = budget.claim({ doing, request: text(200_000), bytes: Infinity });
      expect(budget.heldPositions).toBe(200_000);
      expect(claimed.fits(text(10_000_000))).toBe(true);
      expect(() => budget.claim({ doing, request: text(200_000) })).toThrow(MemoryBudgetError);
    }
    expect(budget.heldPositions).toBe(0);
  });

  describe('what nobody uses', () => {
    /** Caches that are there in case somebody comes back to them. */
    function idle(...lengths: number[]) {
      const giveBack = () => lengths.shift() !== undefined;
      return {
        giveBack,
        get positions() {
          return lengths.reduce((sum, length) => sum + length, 0);
        },
      };
    }

    test('makes room, as much as is needed', () => {
      const budget = budgetFor(text(300_000));
      const caches = idle(100_000, 100_000, 50_000);
      using _held = budget.hold(caches);
      using _claimed = budget.claim({ doing, request: text(240_000) });
      expect(caches.positions).toBe(50_000);
      expect(budget.heldPositions).toBe(290_000);
    });

    test('stays where it would not help, and advice is as if it were gone', () => {
      const budget = budgetFor(text(300_000));
      const caches = idle(200_000);
      using _held = budget.hold(caches);
      const request = { ...text(250_000), maxNewTokens: 100_000 };
      const lever: MemoryLever = {
        setting: 'maxNewTokens',
        now: 100_000,
        with: (maxNewTokens) => ({ ...request, maxNewTokens }),
      };
      const asking = () => budget.claim({ doing, request, levers: [lever] });
      expect(asking).toThrow(/Set maxNewTokens to (49\d{3}|5\d{4})/);
      expect(caches.positions).toBe(200_000);
    });
  });

  test('counts what the claimant holds once', () => {
    const budget = budgetFor(text(300_000));
    const sequence = { positions: 100_000 };
    using _held = budget.hold(sequence);
    const held = () => sequence.positions;
    using _claimed = budget.claim({ doing, request: text(250_000), held });
    expect(budget.heldPositions).toBe(250_000);
    sequence.positions = 180_000;
    expect(budget.heldPositions).toBe(250_000);
    expect(() => budget.claim({ doing, request: text(200_000) })).toThrow(MemoryBudgetError);
  });

  test('counts what the claimant holds beyond what he asks for', () => {
    const budget = budgetFor(text(300_000));
    const sequence = { positions: 290_000 };
    using _held = budget.hold(sequence);
    const held = () => sequence.positions;
    budget.claim({ doing, request: text(10), held })[Symbol.dispose]();
    using _others = budget.hold({ positions: 200_000 });
    expect(() => budget.claim({ doing, request: text(10), held })).toThrow(MemoryBudgetError);
  });

  describe('encoded pictures', () => {
    /** A picture of one tile takes 841 rows of 64 numbers. */
    const OWN = 841 * 64 * 4;
    const picture = (key: string): ClaimedRequest => ({
      prompt: [{ type: 'image', grid: { rows: 1, columns: 1 }, key }],
    });
    /** What is kept of others, and what is asked beside it. */
    function opened(sizes: Map<string, number>, more: number) {
      const dropOldest = (spared: ReadonlySet<string>) => {
        const oldest = [...sizes.keys()].find((key) => !spared.has(key));
        return oldest !== undefined && sizes.delete(oldest);
      };
      const weight: MemoryModel['weight'] = (use) => ({ ...model.memory.weight(use), passing: 0 });
      const loaded = { ...model, memory: { ...model.memory, weight } };
      const bytes = planMemory(loaded, picture('own')).peak + more;
      return new MemoryBudget(bytes, () => loaded, { sizes, dropOldest });
    }

    test('of others count, and make room, as much as is needed', () => {
      const sizes = new Map([
        ['older', 60_000],
        ['old', 90_000],
      ]);
      opened(sizes, 150_000)
        .claim({ doing, request: picture('own') })
        [Symbol.dispose]();
      expect(sizes.size).toBe(2);
      opened(sizes, 149_999)
        .claim({ doing, request: picture('own') })
        [Symbol.dispose]();
      expect([...sizes.keys()]).toEqual(['old']);
    });

    test('of its own count once, and stay', () => {
      const sizes = new Map([
        ['own', OWN],
        ['old', 90_000],
      ]);
      opened(sizes, 0)
        .claim({ doing, request: picture('own') })
        [Symbol.dispose]();
      expect([...sizes.keys()]).toEqual(['own']);
    });

    test('that somebody is about to encode are in use, once for all who show them', () => {
      const budget = opened(new Map(), 841 * 2 * 3 * 2 * 16 * 4);
      const claimed = budget.claim({ doing, request: picture('own') });
      using _same = budget.claim({ doing, request: picture('own') });
      claimed[Symbol.dispose]();
      expect(() => budget.claim({ doing, request: picture('other') })).toThrow(MemoryBudgetError);
    });
  });

  test('refuses with every lever that alone would do, at its largest value', () => {
    const budget = budgetFor(text(200_000));
    const levers = [
      { setting: 'newTokens', now: 900_000, with: (value: number) => text(100_000 + value) },
      { setting: 'hdNum', now: 24, with: (value: number) => text(900_000 + value) },
    ] as const;
    const claim = () => budget.claim({ doing, request: text(1_000_000), levers });
    expect(claim).toThrow(
      expect.objectContaining({
        budget: budget.bytes,
        advice: [{ setting: 'newTokens', value: 100_000 }],
      }),
    );
    expect(claim).toThrow(/^This answer needs .* Set newTokens to 100000, or memoryBudget/);
  });

  test('advises int8 keys and values where they would do', () => {
    const position = (_: unknown, kv: string) => (kv === 'int8' ? 1 : 4096);
    const wide: PlannedModel = { ...model, memory: { ...model.memory, position } };
    const { peak } = planMemory({ ...wide, kv: 'int8' }, text(10_000));
    const budget = new MemoryBudget(peak, () => wide);
    expect(() => budget.claim({ doing, request: text(10_000) })).toThrow(
      /Set kv to int8, or memoryBudget/,
    );
  });

  test('needs a backend that says how it uses memory, unless there is no limit', () => {
    const unplanned = new MemoryBudget(Infinity, () => undefined);
    unplanned.claim({ doing, request: text(1e9) })[Symbol.dispose]();
    expect(() => unplanned.claim({ doing, request: text(1), bytes: 1e12 })).toThrow(
      'Leave out memoryBudget',
    );
  });
});

describe('a model that has no room', () => {
  /** As backends do that use encoded weights as they are. */
  const weight: MemoryModel['weight'] = ({ weight: { shape }, description: { encoding } }) => {
    const bits = encoding.kind === 'blocks' ? encoding.bits : 16;
    const kept = shape.reduce((product, length) => product * length, bits);
    return { kept, mapped: 0, onUse: 0, passing: 0, compiling: 0 };
  };
  const refused = async (memory: MemoryModel, budget: number) => {
    const checkpoint = await openCheckpoint(folder);
    const backend = { ...referenceBackend, memory: async () => memory };
    return compileXComposer({ backend, checkpoint, config, memoryBudget: budget }).catch(
      (error) => error,
    );
  };

  test('is told which conversion of its weights would do, the least lossy one', async () => {
    const memory = { ...model.memory, weight };
    const peaks: number[] = [];
    weightsAdvice({ ...model, memory }, (other) => {
      peaks.push(planMemory(other).peak);
      return false;
    });
    const [int8, int4] = peaks as [number, number];
    const error = await refused(memory, int4);
    expect(error.advice).toEqual([{ setting: 'weights', value: 'int4' }]);
    expect(error.message).toMatch(/Set weights to int4 with lingbi convert, or memoryBudget to/);
    expect((await refused(memory, int8)).advice).toEqual([{ setting: 'weights', value: 'int8' }]);
    expect((await refused(memory, int4 - 1)).advice).toEqual([]);
  });

  test('is told of no conversion where the backend widens its weights', async () => {
    const { peak } = planMemory(model);
    expect((await refused(model.memory, peak - 1)).advice).toEqual([]);
  });
});

describe('a model with a memory budget', () => {
  const ids = Int32Array.of(1, 92543, 1008, 364, 5054, 3280, 550, 2321);
  const prompt: Prompt = [{ type: 'text', ids }];
  const open = async (request: MemoryRequest, more = 0) =>
    compileXComposer({
      ...{ backend: referenceBackend, checkpoint: await openCheckpoint(folder), config },
      memoryBudget: planMemory(model, request).peak + more,
    });

  test('refuses a scheduler whose slots would not fit, and says which would', async () => {
    await using opened = await open(text(400_000));
    const openSlots = (slots: number, capacity: number, beams = 0) =>
      opened.openScheduler({ slots, capacity, beams });
    const adviceFor = (...size: [number, number, number?]) => {
      try {
        openSlots(...size);
      } catch (error) {
        return (error as MemoryBudgetError).advice.map(({ setting }) => setting);
      }
      throw new Error('fits');
    };
    expect(adviceFor(4, 200_000)).toEqual(['slots', 'capacity']);
    expect(adviceFor(1, 500_000)).toEqual(['capacity']);
    expect(adviceFor(2, 100_000, 8)).toEqual(['capacity', 'beams']);
    await openSlots(1, 200_000)[Symbol.asyncDispose]();
  });

  test('counts the slots of a scheduler as long as it is open', async () => {
    await using opened = await open(text(400_000));
    const scheduler = opened.openScheduler({ slots: 2, capacity: 1000, beams: 3 });
    expect(opened.memory.heldPositions).toBe(5000);
    await scheduler[Symbol.asyncDispose]();
    expect(opened.memory.heldPositions).toBe(0);
  });

  test('counts what sequences hold, and what they leave behind', async () => {
    const checkpoint = await openCheckpoint(folder);
    const prefixCacheBytes = MiB;
    await using opened = await compileXComposer({
      ...{ backend: referenceBackend, checkpoint, config, prefixCacheBytes },
    });
    const sequence = opened.openSequence({ capacity: 16, prompt });
    await sequence.prefill(prompt).next();
    await sequence.feed(1008);
    expect(opened.memory.heldPositions).toBe(sequence.length);
    const { length } = sequence;
    sequence[Symbol.dispose]();
    expect(opened.memory.heldPositions).toBe(length);
    opened.prefixes[Symbol.dispose]();
    expect(opened.memory.heldPositions).toBe(0);
  });

  test('refuses to embed a prompt when its positions and their rows do not fit', async () => {
    const row = 64 * 4;
    const request = { ...text(ids.length), embeds: true };
    const without = planMemory(model, text(ids.length)).bytes.embedding;
    expect(planMemory(model, request).bytes.embedding - without).toBe(ids.length * row);
    await using opened = await open({ prompt: [{ type: 'text', tokens: 100_000 }], embeds: true });
    expect((await opened.embedPrompt(prompt)).last).toHaveLength(64);
    expect(opened.memory.heldPositions).toBe(0);
    const long: Prompt = [{ type: 'text', ids: new Int32Array(110_000).fill(1008) }];
    await expect(opened.embedPrompt(long)).rejects.toThrow(/^Embedding this prompt needs/);
  });

  test('refuses pictures of a scheduled request that it has no room to read', async () => {
    await using opened = await open(text(400_000));
    await using scheduler = opened.openScheduler({ slots: 1, capacity: 400_000 });
    using _others = opened.memory.hold({ positions: 130_000 });
    const pixels = () => new Float32Array(3 * 560 * 560);
    const grid = { rows: 1, columns: 1 };
    const image = { grid, tileSize: 560, key: 'flat', globalView: pixels, tile: pixels };
    const asked = { adapter: 'base', maxNewTokens: 1, stopTokens: new Set<number>() } as const;
    const shown: Prompt = [{ type: 'image', image, tokens: 841 }, ...prompt];
    expect(() => scheduler.admit({ ...asked, prompt: shown })).toThrow(/^This request needs/);
    for await (const _ of scheduler.admit({ ...asked, prompt }).events);
  });
});
