import { expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../limits.ts';
import { pickle } from '../test-files/torch-file.ts';
import { unpickle } from './unpickle.ts';

const allowed = new Set(['collections.OrderedDict', 'torch.f']);
const read = (body: string, limits = {}) =>
  unpickle(pickle.whole(body), {
    file: 'm.bin',
    allowed,
    limits: { ...DEFAULT_LIMITS, ...limits },
  });

test('a global that weights do not need is refused by name', () => {
  const attack = `${pickle.global('os', 'system')}(${pickle.text('rm -rf /')}tR`;
  expect(() => read(attack)).toThrow('Cannot read m.bin: its pickle asks for "os.system"');
  expect(() => read(attack)).toThrow(
    expect.objectContaining({ name: 'CheckpointError', reason: 'unsafe' }),
  );
});

test('a call is written down, not made', () => {
  const call = { kind: 'call', callee: 'torch.f', arguments: [1, 'x'] };
  expect(read(`${pickle.global('torch', 'f')}(${pickle.int(1)}${pickle.text('x')}tR`)).toEqual(
    call,
  );
});

test('an ordered dictionary is a dictionary, and attributes hung on it are passed over', () => {
  const state = `${pickle.global('collections', 'OrderedDict')})R${pickle.text('a')}${pickle.int(1)}s}${pickle.text('_metadata')}Nsb`;
  expect(read(state)).toEqual({ kind: 'dict', entries: new Map([['a', 1]]) });
});

test('reads the numbers, tuples, lists and references of protocol 2', () => {
  const items = [
    'K\xff',
    'M\xff\xff',
    pickle.int(-5),
    '\x8a\x02\x00\x80',
    'G\x3f\xf8\0\0\0\0\0\0',
    'N',
    '\x88',
    '\x89',
  ];
  expect(read(`(${items.join('')}t`)).toEqual({
    kind: 'tuple',
    items: [255, 65_535, -5, -32_768, 1.5, null, true, false],
  });
  expect(read(`]q\x07(h\x07)K\x01\x85K\x01K\x02\x86e`)).toMatchObject({
    kind: 'list',
    items: { length: 4 },
  });
  expect(read('K\x09Q')).toEqual({ kind: 'reference', id: 9 });
});

test.each([
  ['pickleSteps', 4, 'NNNt'],
  ['pickleStack', 3, '(NNNt'],
  ['pickleMemo', 2, 'Nq\0q\x01q\x02'],
  ['pickleStringBytes', 3, pickle.text('four')],
])('%s is a limit', (limit, most, body) => {
  expect(() => read(body, { [limit]: most })).toThrow(
    expect.objectContaining({
      reason: 'over-limit',
      message: expect.stringContaining(`of ${limit}, the limit is ${most}`),
    }),
  );
});

test.each([
  ['an empty stack', ''],
  ['values left over', 'NN'],
  ['a mark left over', 'N('],
  ['a tuple of what is not there', 'N\x86'],
  ['a tuple without mark', 'Nt'],
  ['a memo entry that was never made', 'h\x05'],
  ['items for no dictionary', 'NNNs'],
  ['half a pair', '}(Nu'],
  ['a key that is a list', '}]Ns'],
  ['items for no list', ')Na'],
  ['a call of text', `${pickle.text('os.system')})R`],
  ['a call without tuple', `${pickle.global('torch', 'f')}NR`],
  ['attributes for a tuple', ')Nb'],
  ['an integer that no file could have as a place', '\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f'],
  ['another protocol', '\x80\x04N'],
  ['text that is not UTF-8', 'X\x01\0\0\0\xff'],
  ['text that is longer than the file', 'X\xff\0\0\0a'],
])('%s is an error', (_, body) => {
  expect(() => read(body)).toThrow(
    expect.objectContaining({ name: 'CheckpointError', reason: 'malformed' }),
  );
});

test('instructions that weights do not need are refused', () => {
  for (const opcode of ['i', 'o', '\x81', '\x92', '\x82', '2', 'P']) {
    expect(() => read(`N${opcode}`)).toThrow(expect.objectContaining({ reason: 'unsupported' }));
  }
});

test('names that nest in themselves do no harm', () => {
  expect(read(']q\0h\0a')).toMatchObject({ kind: 'list', items: { length: 1 } });
});
