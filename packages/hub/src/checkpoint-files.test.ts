import { describe, expect, test } from 'vitest';
import { missingForCheckpoint, selectFiles, unmatchedPatterns } from './checkpoint-files.ts';

describe('the files of a checkpoint', () => {
  test('are configuration, tokenizer and safetensors, no code and no pictures', () => {
    const wanted = [
      'config.json',
      'generation_config.json',
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
      'tokenizer.model',
      'added_tokens.json',
    ];
    const others = [
      'README.md',
      'modeling_x.py',
      'logo_en.png',
      'base/config.json',
      'consolidated.safetensors',
    ];
    const torch = ['pytorch_model.bin', 'pytorch_model.bin.index.json'];
    expect(selectFiles([...wanted, ...others, ...torch], 'checkpoint')).toEqual(wanted);
  });

  test('are .bin files where there are no safetensors, and nothing a trainer left', () => {
    const paths = [
      'config.json',
      'pytorch_model-1.bin',
      'pytorch_model.bin.index.json',
      'training_args.bin',
    ];
    expect(selectFiles(paths, 'checkpoint')).toEqual(paths.slice(0, 3));
  });

  test('may be called otherwise when they are the only ones', () => {
    const paths = ['config.json', 'gptq_model-4bit-128g.safetensors', 'quantize_config.json'];
    expect(selectFiles(paths, 'checkpoint')).toEqual(paths);
  });
});

describe('patterns', () => {
  test.each([
    ['*.json', 'a/b.json', true],
    ['*.json', 'b.json5', false],
    ['base/*', 'base/x/y', true],
    ['base/*', 'other/base/x', false],
    ['a*b*c', 'a--b--c', true],
    ['a*b*c', 'a--c--b', false],
    ['ab*ba', 'aba', false],
    ['config.json', 'config.json', true],
    ['config.json', 'configXjson', false],
    ['*', '', true],
  ])('%s and %s: %s', (pattern, path, expected) => {
    expect(selectFiles([path], [pattern])).toEqual(expected ? [path] : []);
  });

  test('that match nothing are told', () => {
    expect(unmatchedPatterns(['a.json'], ['*.json', '*.bin'])).toEqual(['*.bin']);
  });
});

describe('a folder lacks', () => {
  const lacks = (paths: string[], index = '{}'): Promise<string[]> =>
    missingForCheckpoint(paths, async () => index);

  test('nothing when it holds what the index names', async () => {
    const index = JSON.stringify({
      weight_map: { a: 'model-1.safetensors', b: 'model-2.safetensors' },
    });
    const small = ['config.json', 'model.safetensors.index.json'];
    expect(await lacks([...small, 'model-1.safetensors', 'model-2.safetensors'], index)).toEqual(
      [],
    );
    expect(await lacks([...small, 'model-1.safetensors'], index)).toEqual(['model-2.safetensors']);
    expect(await lacks(['config.json', 'model.safetensors'])).toEqual([]);
  });

  test('config.json or weights', async () => {
    expect(await lacks(['model.safetensors'])).toEqual(['config.json']);
    expect(await lacks(['config.json'])).toEqual(['*.safetensors']);
  });
});
