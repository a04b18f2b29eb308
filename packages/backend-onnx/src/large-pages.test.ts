import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import koffi from 'koffi';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { LostWeightsError } from './errors.ts';
import { LargePages } from './large-pages.ts';
import { createFileMapper, FORGOTTEN_PAGE, type MappedFile } from './mapped-file.ts';
import { openSystemMemory, type SystemMemory } from './system-memory.ts';

const MEGABYTE = 2 ** 20;
const LARGE_PAGE = 2n ** 21n;
const LENGTH = 21 * MEGABYTE + 776;
const folder = mkdtempSync(path.join(tmpdir(), 'lingbi-large-pages-'));
const file = path.join(folder, 'weights');
const words = Uint32Array.from({ length: LENGTH / 4 }, (_, at) => at * 2654435761);
const content = Buffer.from(words.buffer);
writeFileSync(file, content);
afterAll(() => rmSync(folder, { recursive: true }));

function mapFile(): MappedFile {
  const mapped = createFileMapper()!.map(file);
  onTestFinished(() => mapped[Symbol.dispose]());
  return mapped;
}

function bytesAt({ address }: MappedFile, start: number, length: number): Buffer {
  return Buffer.from(koffi.view(address + BigInt(start), length));
}

/** Those of some places that still are the file's pages, which follow it when it is written to. */
function ofFile(mapped: MappedFile, places: readonly number[]): readonly number[] {
  const changed = Buffer.from(content);
  for (const place of places) changed[place]! ^= 0xff;
  writeFileSync(file, changed, { flag: 'r+' });
  const found = places.filter((place) => bytesAt(mapped, place, 1)[0] === changed[place]);
  writeFileSync(file, content, { flag: 'r+' });
  return found;
}

/** The middle of each megabyte, and both ends. */
const everywhere = [0, ...Array.from({ length: 21 }, (_, at) => (at + 0.5) * MEGABYTE), LENGTH - 1];
const isSame = (mapped: MappedFile) => bytesAt(mapped, 0, mapped.length).equals(content);
const memory = openSystemMemory();
const room = () => 1000 * MEGABYTE;
const given = () => true;

describe.skipIf(process.platform !== 'linux')('what a mapped file holds moves', () => {
  const open = (
    system: Partial<SystemMemory> = {},
    free: () => number = room,
    gives: () => boolean = given,
  ) => new LargePages({ ...memory!, ...system }, free, gives);

  test('and says the same at the same address, from the first byte to the last', async () => {
    const mapped = mapFile();
    expect(ofFile(mapped, everywhere)).toEqual(everywhere);
    const pages = open();
    pages.add(mapped, 0, mapped.length);
    await pages.move();
    expect(ofFile(mapped, everywhere)).toEqual([]);
    expect(isSame(mapped)).toBe(true);
  });

  test('to where large pages begin where they begin at its address, asked for before they are touched', async () => {
    const mapped = mapFile();
    const calls: string[] = [];
    const asked: bigint[] = [];
    const pages = open({
      advise: (address, length, advice) => {
        calls.push(`advise ${advice}`);
        asked.push(address);
        return memory!.advise(address, length, advice);
      },
      copy: (to, from, length) => {
        calls.push('copy');
        expect((to - from) % LARGE_PAGE).toBe(0n);
        expect(asked.at(-1)).toBe(to);
        return memory!.copy(to, from, length);
      },
    });
    pages.add(mapped, 0, mapped.length);
    await pages.move();
    expect(calls.slice(0, 4)).toEqual(['advise 14', 'copy', 'advise 14', 'copy']);
  });

  test('as far as it was added, what lies between near neighbours with them', async () => {
    const mapped = mapFile();
    const pages = open();
    pages.add(mapped, 9 * MEGABYTE, 3 * MEGABYTE);
    pages.add(mapped, 3 * MEGABYTE + 100, 3 * MEGABYTE - 100);
    pages.add(mapped, 6 * MEGABYTE + 8000, 2 * MEGABYTE - 8000);
    pages.add(mapped, 15 * MEGABYTE, MEGABYTE); // less than a large page
    await pages.move();
    const stayed = everywhere.filter((at) => at < 3 * MEGABYTE || at >= 8 * MEGABYTE);
    expect(ofFile(mapped, everywhere)).toEqual(
      stayed.filter((at) => at < 9 * MEGABYTE || at >= 12 * MEGABYTE),
    );
    expect(isSame(mapped)).toBe(true);
  });

  test('but not what its mapping may forget: it would come again as zeros', async () => {
    const mapped = mapFile();
    const mapper = createFileMapper()!;
    const pages = open();
    const end = 4 * MEGABYTE + FORGOTTEN_PAGE;
    pages.add(mapped, 0, 4 * MEGABYTE);
    pages.add(mapped, end, 4 * MEGABYTE);
    await pages.move();
    mapper.forget(mapped, 4 * MEGABYTE, FORGOTTEN_PAGE);
    expect(isSame(mapped)).toBe(true);
    expect(ofFile(mapped, [4 * MEGABYTE - 1, 4 * MEGABYTE, end - 1, end])).toEqual([
      4 * MEGABYTE,
      end - 1,
    ]);
  });

  test('of two files only what is theirs, however near they are', async () => {
    const whole = mapFile();
    const hole = 8192;
    memory!.unmap(whole.address + BigInt(8 * MEGABYTE), hole); // touching it would end the process
    const part = (start: number, length: number): MappedFile => ({
      ...{ address: whole.address + BigInt(start), length },
      restore: () => false,
      [Symbol.dispose]: () => {},
    });
    const [first, second] = [part(0, 8 * MEGABYTE), part(8 * MEGABYTE + hole, 8 * MEGABYTE)];
    const pages = open();
    for (const each of [first, second]) pages.add(each!, 0, each!.length);
    await pages.move();
    const places = [0, 8 * MEGABYTE - 1, 8 * MEGABYTE + hole, 16 * MEGABYTE];
    expect(ofFile(whole, places)).toEqual([]);
  });

  test('a turn after the other', async () => {
    const mapped = mapFile();
    let copies = 0;
    const pages = open({
      copy: (to, from, length) => {
        copies++;
        return memory!.copy(to, from, length);
      },
    });
    pages.add(mapped, 0, mapped.length);
    let turns = 0;
    await pages.moveInTurns(async (step) => {
      expect(copies).toBe(turns++);
      await new Promise((resolve) => setImmediate(resolve)); // others have theirs
      expect(copies).toBe(turns - 1);
      expect(isSame(mapped)).toBe(true);
      return step();
    });
    expect(turns).toBeGreaterThanOrEqual(6);
    expect(ofFile(mapped, everywhere)).toEqual([]);
  });

  test('until somebody stops it, who waits for the step that has begun', async () => {
    const mapped = mapFile();
    let endCopy: (error: Error) => void = () => {};
    const copying = new Promise<void>((_, reject) => {
      endCopy = reject;
    });
    const pages = open({ copy: () => copying });
    pages.add(mapped, 0, mapped.length);
    const moving = pages.move();
    let isOver = false;
    const stopping = pages.stop().then(() => {
      isOver = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    endCopy(new Error('no thread'));
    await expect(moving).rejects.toThrow('no thread');
    await stopping;
    await pages.move();
    expect(ofFile(mapped, everywhere)).toEqual(everywhere);
  });

  test('not before a while is over, if it shall wait', async () => {
    const mapped = mapFile();
    const pages = open();
    pages.add(mapped, 0, mapped.length);
    const moving = pages.moveInTurns((step) => step(), 1e6);
    await pages.stop();
    await moving;
    expect(ofFile(mapped, everywhere)).toEqual(everywhere);
  });

  test('at once for who has a turn, while steps wait for theirs', async () => {
    const mapped = mapFile();
    const pages = open();
    pages.add(mapped, 0, mapped.length);
    let giveTurn = () => {};
    const turn = new Promise<void>((resolve) => {
      giveTurn = resolve;
    });
    const inTurns = pages.moveInTurns((step) => turn.then(step));
    await new Promise((resolve) => setImmediate(resolve));
    await pages.move();
    expect(ofFile(mapped, everywhere)).toEqual([]);
    giveTurn();
    await inTurns;
    expect(isSame(mapped)).toBe(true);
  });

  test('the rest of it when it is asked again, after an abort or where there was no room', async () => {
    const mapped = mapFile();
    let free = 2 * (mapped.length + 2 ** 12);
    const reason = new AbortController();
    let copies = 0;
    const copy: SystemMemory['copy'] = (...of) => {
      if (++copies === 2) free = 9 * MEGABYTE;
      if (copies === 3) reason.abort();
      return memory!.copy(...of);
    };
    const pages = open({ copy }, () => free);
    pages.add(mapped, 0, mapped.length);
    await pages.move();
    expect(copies).toBe(2);
    expect(ofFile(mapped, everywhere).length).toBeGreaterThan(10);
    free = room();
    await pages.move(reason.signal);
    expect(copies).toBe(3);
    await pages.move();
    expect(ofFile(mapped, everywhere)).toEqual([]);
    expect(isSame(mapped)).toBe(true);
  });

  test('only where twice as much is free, and Linux gives large pages', async () => {
    const mapped = mapFile();
    const without = [open({}, () => 2 * mapped.length - 1), open({}, room, () => false)];
    for (const pages of without) {
      pages.add(mapped, 0, mapped.length);
      await pages.move();
      expect(ofFile(mapped, everywhere)).toEqual(everywhere);
    }
  });

  test('only while as much stays free, though another process moves as well', async () => {
    let free = 2 * LENGTH + 6 * MEGABYTE;
    const processes = [mapFile(), mapFile()].map((mapped) => {
      const copy: SystemMemory['copy'] = (to, from, length) => {
        free -= length;
        return memory!.copy(to, from, length);
      };
      const pages = open({ copy }, () => free);
      pages.add(mapped, 0, mapped.length);
      return pages;
    });
    for (let time = 0; time < 3; time++) {
      await Promise.all(processes.map((pages) => pages.moveInTurns((step) => step())));
    }
    expect(free).toBeLessThan(2 * LENGTH);
    expect(free).toBeGreaterThan(LENGTH);
  });

  test('once, though it comes again', async () => {
    const mapped = mapFile();
    const free: number[] = [];
    const pages = open({}, () => {
      free.push(room());
      return room();
    });
    for (let time = 0; time < 2; time++) {
      pages.add(mapped, 0, mapped.length);
      await pages.move();
    }
    expect(free.length).toBeLessThan(9); // steps of 4 MB, 21 in all
  });

  test.each<[string, Partial<SystemMemory>]>([
    ['gives no memory', { map: () => undefined }],
    ['gives no large pages', { advise: () => false }],
    ['moves no pages', { replace: () => false }],
    ['fails to copy', { copy: () => Promise.reject(new Error('no thread')) }],
  ])(
    'nowhere when the system %s; it can be read as before, and nothing is held',
    async (_, broken) => {
      const mapped = mapFile();
      let held = 0;
      const pages = open({
        map: (length, ...how) => {
          held += length;
          return memory!.map(length, ...how);
        },
        unmap: (address, length) => {
          held -= length;
          memory!.unmap(address, length);
        },
        ...broken,
      });
      pages.add(mapped, 0, mapped.length);
      await pages.move().catch(() => {});
      expect(held).toBe(0);
      expect(ofFile(mapped, everywhere)).toEqual(everywhere);
      expect(isSame(mapped)).toBe(true);
    },
  );

  test.each<[string, Partial<SystemMemory>]>([
    ['refused', { replace: () => false }],
    ['failed', { copy: () => Promise.reject(new Error('no thread')) }],
  ])('never again after it was %s', async (_, broken) => {
    const mapped = mapFile();
    let taken = 0;
    const map: SystemMemory['map'] = (...of) => {
      taken++;
      return memory!.map(...of);
    };
    const pages = open({ map, ...broken });
    for (let time = 0; time < 3; time++) {
      pages.add(mapped, 4 * time * MEGABYTE, 4 * MEGABYTE);
      await pages.moveInTurns((step) => step());
      await pages.move().catch(() => {});
    }
    expect(taken).toBe(1);
  });

  test('and who waits is told what failed', async () => {
    const mapped = mapFile();
    const pages = open({ copy: () => Promise.reject(new Error('no thread')) });
    pages.add(mapped, 0, mapped.length);
    await expect(pages.move()).rejects.toThrow('no thread');
    await pages.move();
  });

  test('without another look where Linux gives no large pages', async () => {
    const mapped = mapFile();
    let looks = 0;
    const pages = open({}, room, () => ++looks === 0);
    for (let time = 0; time < 3; time++) {
      pages.add(mapped, 4 * time * MEGABYTE, 4 * MEGABYTE);
      await pages.move();
      expect(pages.hasMore).toBe(false);
    }
    expect(looks).toBe(1);
  });
});

describe.skipIf(process.platform !== 'linux')('a move that takes pages of the file away', () => {
  const takeAway: SystemMemory['replace'] = (address, _, length) => {
    memory!.unmap(address, length);
    return false;
  };

  test('brings them back, of the same file, whatever has its name by now', async () => {
    const mapped = mapFile();
    renameSync(file, `${file} of before`);
    onTestFinished(() => renameSync(`${file} of before`, file));
    writeFileSync(file, Buffer.alloc(LENGTH));
    const pages = new LargePages({ ...memory!, replace: takeAway }, room, given);
    pages.add(mapped, 3 * MEGABYTE + 100, 8 * MEGABYTE);
    await pages.move();
    expect(isSame(mapped)).toBe(true);
    pages.requireWhole();
  });

  test('says so when it cannot, and their place is left to others', async () => {
    let unmapped = 0;
    const system: SystemMemory = {
      ...memory!,
      map: (length, use, descriptor, at) =>
        at ? undefined : memory!.map(length, use, descriptor, at),
      replace: () => false,
    };
    const unmap: SystemMemory['unmap'] = () => unmapped++;
    const mapped = createFileMapper({ ...system, unmap })!.map(file);
    onTestFinished(() => memory!.unmap(mapped.address, mapped.length));
    const pages = new LargePages(system, room, given);
    pages.add(mapped, 0, mapped.length);
    await expect(pages.move()).rejects.toThrow(LostWeightsError);
    expect(() => pages.requireWhole()).toThrow(/\d+ bytes of weights are lost/);
    mapped[Symbol.dispose]();
    expect(unmapped).toBe(0);
  });
});

test('without calls of the system nothing moves', async () => {
  const mapped: MappedFile = {
    ...{ address: 2n ** 21n, length: 100 * MEGABYTE },
    restore: () => false,
    [Symbol.dispose]: () => {},
  };
  const pages = new LargePages(undefined, room, given);
  pages.add(mapped, 0, mapped.length);
  await pages.move();
  expect(pages.hasMore).toBe(false);
});
