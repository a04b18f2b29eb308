import { expect, test } from 'vitest';
import type { Bench } from './bench.ts';
import { type Benches, readCommand, usageOf } from './command.ts';

const plain: Bench = { describe: 'Something plain', run: async () => [] };
const decode: Bench = {
  ...plain,
  describe: 'Tokens a second',
  takes: ['shape', 'only', 'runs'],
  choices: ['int4-128', 'int8-128'],
};
const benches: Benches = { plain: async () => plain, decode: async () => decode };
const read = (line: string) => readCommand(line.split(' ').filter(Boolean), benches);

test('a command names benches, their parts, shape and runs', async () => {
  expect(await read('decode --shape 7b --only int4-128,int8-128 --runs 3 --json')).toEqual({
    kind: 'measure',
    names: ['decode'],
    options: { shape: '7b', only: ['int4-128', 'int8-128'], runs: 3 },
    json: true,
  });
});

test.each(['', '--help', 'decode --help', 'decode -h', 'nothing --help'])(
  'help is what "%s" asks for',
  async (line) => expect(await read(line)).toEqual({ kind: 'help' }),
);

test('help lists benches with the options they take', async () => {
  const help = await usageOf(benches);
  expect(help).toMatch(/--shape NAME .*internlm2-1\.8b/);
  expect(help).toMatch(/plain +Something plain\n/);
  expect(help).toMatch(/decode +Tokens a second\n +--shape --runs --only int4-128,int8-128/);
});

test.each([
  ['decod', 'There is no bench decod: choose plain, decode.'],
  ['decode --shape 13b', /^There is no shape 13b: choose .*internlm2-1\.8b/],
  ['decode --only int3', 'The bench decode has no part int3: choose int4-128, int8-128.'],
  ['decode --runs 0', '--runs takes a whole number from 1 on.'],
  ['decode --runs', /^Option '--runs <value>' argument missing: there are --json/],
  ['decode --runs -1', /^Option '--runs' argument is ambiguous: there are --json[^\n]*$/],
  ['plain --runs 3', 'The bench plain has no --runs.'],
  ['decode --fast', "Unknown option '--fast': there are --json, --shape, --only, --runs, --help."],
  ['--json', 'Which bench? There are plain, decode.'],
])('"%s" is refused in one line', async (line, complaint) => {
  const command = await read(line);
  expect(command).toEqual({
    kind: 'refusal',
    complaints: [typeof complaint === 'string' ? complaint : expect.stringMatching(complaint)],
  });
});
