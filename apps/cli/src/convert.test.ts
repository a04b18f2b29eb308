import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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

  test('writes hashes by which doctor finds a damaged file', async () => {
    const out = join(folder, 'checked');
    await lingbi(['convert', fixture('ixc25-micro'), out]);
    const checked = async () =>
      eventsOf(await lingbi(['doctor', '--model', out, '--json'])).find(
        ({ name }) => name === 'converted files',
      );
    expect(await checked()).toMatchObject({ state: 'good' });
    const path = join(out, 'model-00001-of-00001.safetensors');
    const bytes = await readFile(path);
    bytes[bytes.length - 100]! ^= 1;
    await writeFile(path, bytes);
    expect(await checked()).toMatchObject({
      state: 'bad',
      detail: expect.stringContaining(
        'model-00001-of-00001.safetensors of the converted checkpoint',
      ),
    });
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

  test('synth takes the sizes of any config.json, with a tower and low-rank additions', async () => {
    const out = join(folder, 'mine');
    const config = ['--config', fixture('ixc25-micro/config.json'), '--vision', 'f32'];
    const ranks = ['--lora-rank', 'Plora=8', '--lora-rank', 'lora_web=4'];
    const made = await lingbi(['synth', out, ...config, ...ranks, '--block', '128', '--json']);
    expect(made.code).toBe(0);
    expect(eventsOf(made)).toContainEqual(
      expect.objectContaining({ type: 'blocks-narrowed', block: 128 }),
    );
    const { tensors, weights } = JSON.parse(await readFile(join(out, 'lingbi.json'), 'utf8'));
    expect(tensors['model.layers.2.feed_forward.w1.weight']).toEqual([128, 64]);
    expect(tensors['model.layers.0.attention.wo.lora_web_A.weight']).toEqual([4, 64]);
    expect(weights['tower.2.query']).toMatchObject({ shape: [16, 16] });
    const chat = await lingbi(['chat', '--model', out, '--max-new-tokens', '2', 'Hello']);
    expect(chat).toMatchObject({ code: 0, stderr: '' });
  });

  test.each([
    ['{"hidden_size": 64', 2, 'wrong.json is not JSON'],
    ['{"hidden_size": 64}', 1, 'ConfigError: config.json has no num_attention_heads'],
    [undefined, 2, 'wrong.json cannot be read'],
  ])('synth from %s as a config.json is an error', async (text, exit, message) => {
    const file = join(folder, 'wrong.json');
    await (text === undefined ? rm(file) : writeFile(file, text));
    const { code, stderr } = await lingbi(['synth', join(folder, 'never'), '--config', file]);
    expect({ code, stderr }).toMatchObject({ code: exit });
    expect(stderr).toContain(message);
  });

  test('synth takes either a shape or a config.json', async () => {
    const words = ['synth', join(folder, 'never'), '--shape', '7b', '--config', 'config.json'];
    const { code, stderr } = await lingbi(words);
    expect({ code, stderr }).toMatchObject({ code: 2 });
    expect(stderr).toContain("'--config <file>' cannot be used with option '--shape <name>'");
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
