import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cacheFolderAs } from './test-support/hub-cache.ts';
import { eventsOf, fixture, lingbi } from './test-support/run-lingbi.ts';

describe('lingbi convert', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lingbi-convert-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('writes a folder that chat opens, and tells scripts of every weight', async () => {
    const out = join(folder, 'int4');
    const words = ['convert', fixture('ixc25-micro'), out, '--block', '32', '--adapters', 'web'];
    const converted = await lingbi([...words, '--json']);
    expect(converted.code).toBe(0);
    const events = eventsOf(converted);
    const last = events.findLast(({ type }) => type === 'weight-written')!;
    expect(last['written']).toBe(last['total']);
    expect(events.at(-1)).toEqual({ type: 'done', folder: out });
    const { weights } = JSON.parse(await readFile(join(out, 'lingbi.json'), 'utf8'));
    expect(weights['layers.0.mlp.gate']).toMatchObject({ kind: 'blocks', bits: 4, blockSize: 32 });
    expect(Object.keys(weights).filter((name) => name.includes('.sft.'))).toEqual([]);
    const chat = await lingbi(['chat', '--model', out, '--max-new-tokens', '2', 'Hello']);
    expect(chat).toMatchObject({ code: 0, stderr: '' });
  });

  test('does not write over what is there', async () => {
    const { code, stderr } = await lingbi(['convert', fixture('ixc25-micro'), folder]);
    expect(code).toBe(1);
    expect(stderr).toContain('it exists. Choose another name');
  });

  test('repairs only what AWQ packed', async () => {
    const micro = fixture('ixc25-micro');
    const words = ['convert', micro, join(folder, 'repaired'), '--repair-with', micro];
    const { code, stderr } = await lingbi(words);
    expect(code).toBe(1);
    expect(stderr).toContain('only what AWQ packed needs a repair');
  });

  test.each([
    [['--weights', 'f16', '--block', '32'], 'block (--block) would change nothing'],
    [['--weights', 'f32', '--rounding', 'nearest'], 'rounding (--rounding) would change nothing'],
  ])('%j is a usage error: a part would change nothing', async (flags, message) => {
    const words = ['convert', fixture('ixc25-micro'), join(folder, 'unused'), ...flags];
    const { code, stderr } = await lingbi(words);
    expect({ code, stderr }).toMatchObject({ code: 2 });
    expect(stderr).toContain(message);
  });

  test.each([
    [['--weights', 'bf16', '--block', '32'], '--block would change nothing: bf16 has no blocks'],
    [['--weights', 'bf16', '--vision', 'int8'], '--vision int8 is for converted checkpoints'],
  ])('synth %j is a usage error', async (flags, message) => {
    const { code, stderr } = await lingbi(['synth', join(folder, 'made-up'), ...flags]);
    expect({ code, stderr }).toMatchObject({ code: 2 });
    expect(stderr).toContain(message);
  });

  test.each(['web,draw', 'both'])(
    '--adapters %s is refused in the words that work',
    async (adapters) => {
      const words = ['convert', fixture('ixc25-micro'), join(folder, 'x'), '--adapters', adapters];
      const { code, stderr } = await lingbi(words);
      expect({ code, stderr }).toMatchObject({ code: 2 });
      expect(stderr).toContain('It must be web, write, "web,write" or none.');
    },
  );

  test.each(['none', ''])('--adapters "%s" keeps none', async (adapters) => {
    const out = join(folder, `without-${adapters}`);
    const words = ['convert', fixture('ixc25-micro'), out, '--weights', 'f16'];
    expect(await lingbi([...words, '--adapters', adapters])).toMatchObject({ code: 0 });
    const { weights } = JSON.parse(await readFile(join(out, 'lingbi.json'), 'utf8'));
    expect(Object.keys(weights).some((name) => /\.(web|write)\./.test(name))).toBe(false);
  });

  test('takes an id of the hub that is in the cache', async () => {
    const cache = join(folder, 'cache');
    await cacheFolderAs(cache, 'somebody/micro', fixture('ixc25-micro'));
    const env = { HF_HUB_CACHE: cache, HF_HUB_OFFLINE: '1' };
    const out = join(folder, 'of-the-hub');
    const words = ['convert', 'somebody/micro', out, '--weights', 'f16'];
    expect(await lingbi(words, { env })).toMatchObject({ code: 0, stdout: `${out}\n` });
    const other = await lingbi(['convert', 'somebody/other', join(folder, 'other')], { env });
    expect(other.code).toBe(3);
    expect(other.stderr).toContain('somebody/other@main cannot be had offline');
    // Before anything is downloaded.
    const { stderr } = await lingbi(['convert', 'somebody/other', out], { env });
    expect(stderr).toContain('it exists. Choose another name');
  });

  test('says what would be right for a source that is not there', async () => {
    const { stderr } = await lingbi(['convert', join(folder, 'nowhere'), join(folder, 'x')]);
    expect(stderr).toContain('there is no such folder. Give the path of a folder');
  });

  test('says where no folder can be made, and exits with 3', async () => {
    const out = join(fixture('ixc25-micro'), 'config.json', 'out');
    const { code, stderr } = await lingbi(['convert', fixture('ixc25-micro'), out]);
    expect({ code, stderr }).toMatchObject({ code: 3 });
    expect(stderr).toContain(`Cannot make the folder ${out}: a part of its path is a file`);
  });

  test('stopped by Ctrl-C, says that it goes on, and does', async () => {
    const out = join(folder, 'stopped');
    const words = ['convert', fixture('ixc25-micro'), out, '--json'];
    let isAsked = false;
    const stopped = await lingbi(words, {
      onLine: (line, child) => {
        if (!isAsked && line.includes('"weight-written"')) isAsked = child.kill('SIGINT');
      },
    });
    expect(stopped.code).toBe(130);
    expect(eventsOf(stopped).at(-1)).toMatchObject({
      name: 'InterruptedError',
      message: 'Interrupted. The same command goes on after what is finished',
    });
    expect(await lingbi(words)).toMatchObject({ code: 0 });
  });
});
