import { DiskFullError } from '@lingbi/hub';
import { describe, expect, test } from 'vitest';
import { exitCodeOf } from './exit-codes.ts';
import { createProgram } from './program.ts';
import { eventsOf, fixture, lingbi, microModel } from './test-support/run-lingbi.ts';

const picture = fixture('pictures/cars1.jpg');
const ask = ['chat', ...microModel, '--greedy', '--max-new-tokens', '4', '--image', picture];

describe('lingbi chat', () => {
  test('prints the answer and nothing else', async () => {
    const { code, stdout, stderr } = await lingbi([...ask, 'Describe it']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const events = eventsOf(await lingbi([...ask, '--json', 'Describe it']));
    const { text, usage } = events.findLast(({ type }) => type === 'end')!;
    expect(stdout).toBe(`${text}\n`);
    expect(usage.newTokens).toBe(4);
  });

  test('--json prints events alone: weights, prompt, text, the end', async () => {
    const { code, stdout, stderr } = await lingbi([...ask, '--json', 'Describe it']);
    const types = eventsOf({ code, stdout, stderr }).map(({ type }) => type);
    expect([...new Set(types)]).toEqual([
      ...['weights-loaded', 'prompt-progress', 'token', 'text', 'end', 'done'],
    ]);
  });

  test('reads questions line by line, and shows the pictures with the first', async () => {
    const { code, stdout } = await lingbi([...ask, '--json'], { input: 'One?\n\nTwo?\n' });
    const events = eventsOf({ code, stdout, stderr: '' });
    const [first, second, ...more] = events.filter(({ type }) => type === 'end');
    expect({ code, more }).toEqual({ code: 0, more: [] });
    expect(first!['usage'].imageTokens).toBe(second!['usage'].imageTokens);
    expect(second!['usage'].cachedTokens).toBeGreaterThan(first!['usage'].imageTokens);
  });

  test('takes the model from the environment', async () => {
    const [, folder = ''] = microModel;
    const env = { LINGBI_MODEL: folder };
    const { code } = await lingbi(['chat', '--max-new-tokens', '1', 'Hello'], { env });
    expect(code).toBe(0);
  });
});

describe('exit codes', () => {
  test('1 for an error, which is told to people or to scripts', async () => {
    const words = ['chat', '--model', 'no-such-folder', 'Hello'];
    const told = await lingbi(words);
    expect(told.code).toBe(1);
    expect(told.stdout).toBe('');
    expect(told.stderr).toMatch(/^ModelNotFoundError: Cannot open the model "no-such-folder"/);
    const printed = await lingbi([...words, '--json']);
    expect(printed).toMatchObject({ code: 1, stderr: '' });
    const [error] = eventsOf(printed);
    expect(error).toMatchObject({
      type: 'error',
      name: 'ModelNotFoundError',
      model: 'no-such-folder',
    });
  });

  test.each([
    ['an option that is missing', ['chat', 'Hello'], "required option '--model <model>'"],
    ['a command that does not exist', ['chatt'], "unknown command 'chatt'"],
    ['a number that is none', [...ask, '--top-k', 'many'], 'It must be a number'],
    ['options that exclude each other', [...ask, '--seed', '1', 'Hello'], '--greedy draws nothing'],
    [
      "another backend's option",
      ['chat', ...microModel, '--engine', 'cpu', 'Hello'],
      '--engine cpu belongs to --backend tfjs',
    ],
    [
      'an option of onnx for another backend',
      ['chat', ...microModel, '--backend', 'tfjs', '--large-pages', 'never', 'Hello'],
      '--large-pages never belongs to --backend onnx',
    ],
  ])('2 for %s', async (_, words, message) => {
    const { code, stdout, stderr } = await lingbi(words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  });

  test('3 when the hub cannot give a checkpoint', async () => {
    const env = { HF_HUB_OFFLINE: '1', HF_HOME: fixture('no-such-cache') };
    const ended = await lingbi(['pull', 'somebody/something', '--json'], { env });
    expect(ended.code).toBe(3);
    expect(eventsOf(ended)).toEqual([expect.objectContaining({ name: 'OfflineError' })]);
  });

  test('3 when the disk has no room for a checkpoint', async () => {
    expect(await exitCodeOf(new DiskFullError('ixc-int4.partial', 2, 1))).toBe(3);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('after %s within an answer: %i', async (signal, expected) => {
    const words = [
      'chat',
      ...microModel,
      '--greedy',
      '--max-new-tokens',
      '4000',
      '--json',
      'Hello',
    ];
    let isAsked = false;
    const ended = await lingbi(words, {
      onLine: (line, child) => {
        if (!isAsked && line.includes('"text"')) isAsked = child.kill(signal);
      },
    });
    expect(ended.code).toBe(expected);
    expect(eventsOf(ended).at(-1)).toMatchObject({
      ...{ type: 'error', name: 'InterruptedError', message: 'Interrupted' },
    });
  });

  test('0 when whoever reads the output has enough', async () => {
    const words = ['chat', ...microModel, '--greedy', '--max-new-tokens', '400', '--json', 'Hello'];
    const ended = await lingbi(words, {
      onLine: (_, child) => child.stdout!.destroy(),
    });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('lingbi bench', () => {
  test('lists what can be measured, and says what it does not know', async () => {
    const listed = await lingbi(['bench']);
    expect(listed.code).toBe(0);
    expect(listed.stdout).toMatch(/^ {2}tokenizer /m);
    const inJson = await lingbi(['bench', '--json']);
    expect(inJson.code).toBe(0);
    expect(eventsOf(inJson)).toEqual([{ type: 'done', names: [] }]);
    const unknown = await lingbi(['bench', 'weather', '--json']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('There is no bench weather');
    expect(eventsOf(unknown)).toEqual([expect.objectContaining({ type: 'error' })]);
  });
});

describe('help', () => {
  test('of each command has examples and the options that all have', async () => {
    const { commands } = createProgram();
    const withoutModel = ['help', 'completion'];
    for (const command of commands.filter((each) => !withoutModel.includes(each.name()))) {
      let help = '';
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      expect(help).toContain(`  lingbi ${command.name()} `);
      expect(help).toContain('--json');
      expect(help).toContain('--quiet');
    }
  });

  test.each([
    ['exit-codes', /130 {2}stopped by Ctrl-C/],
    ['json', /"type":"done"/],
    ['environment', /LINGBI_MODEL/],
    ['chat', /Usage: lingbi chat/],
  ])('lingbi help %s', async (topic, text) => {
    const { code, stdout } = await lingbi(['help', topic]);
    expect(code).toBe(0);
    expect(stdout).toMatch(text);
  });

  test('names what it does not know', async () => {
    const { code, stderr } = await lingbi(['help', 'chatt']);
    expect(code).toBe(2);
    expect(stderr).toContain('"chatt"');
  });
});
