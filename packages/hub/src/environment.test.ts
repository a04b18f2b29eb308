import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { huggingFaceCache, huggingFaceToken, isOffline, modelScopeCache } from './environment.ts';

describe('the cache of Hugging Face', () => {
  test.each([
    [{}, join(homedir(), '.cache/huggingface/hub')],
    [{ XDG_CACHE_HOME: '/xdg' }, '/xdg/huggingface/hub'],
    [{ XDG_CACHE_HOME: '/xdg', HF_HOME: '/hf' }, '/hf/hub'],
    [{ HF_HOME: '/hf', HUGGINGFACE_HUB_CACHE: '/old' }, '/old'],
    [{ HF_HOME: '/hf', HUGGINGFACE_HUB_CACHE: '/old', HF_HUB_CACHE: '/new' }, '/new'],
    [{ HF_HOME: '~/models' }, join(homedir(), 'models/hub')],
    [{ HF_HUB_CACHE: '' }, join(homedir(), '.cache/huggingface/hub')],
  ])('with %j is %s', (environment, folder) => {
    expect(huggingFaceCache(environment)).toBe(folder);
  });
});

test('ModelScope has a cache of its own', () => {
  expect(modelScopeCache({ MODELSCOPE_CACHE: '/ms' })).toBe('/ms/lingbi');
  expect(modelScopeCache({ XDG_CACHE_HOME: '/xdg' })).toBe('/xdg/modelscope/lingbi');
});

describe('the token', () => {
  test('comes from a variable, else from the file of the login', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lingbi-token-'));
    try {
      await writeFile(join(folder, 'token'), 'hf_file\n');
      const environment = { HF_HOME: folder };
      const token = await huggingFaceToken(environment);
      expect(token).toEqual({ value: 'hf_file', from: join(folder, 'token') });
      expect(await huggingFaceToken({ ...environment, HF_TOKEN: ' hf_a ' })).toEqual({
        value: 'hf_a',
        from: 'HF_TOKEN',
      });
      const unwanted = { ...environment, HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' };
      expect(await huggingFaceToken(unwanted)).toBeUndefined();
      const elsewhere = { HF_TOKEN_PATH: join(folder, 'no-such-file') };
      expect(await huggingFaceToken(elsewhere)).toBeUndefined();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

test.each([
  ['1', true],
  ['on', true],
  ['True', true],
  ['0', false],
  ['', false],
  [undefined, false],
])('HF_HUB_OFFLINE=%s is %s', (value, offline) => {
  expect(isOffline({ HF_HUB_OFFLINE: value })).toBe(offline);
});
