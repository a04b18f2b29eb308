import { expect, test } from 'vitest';
import { noiseWeights } from '../../testing/noise-weights.ts';
import { AddedGraphs } from './added-graphs.ts';

test('an adapter is forgotten also while a compilation for it fails', async () => {
  const extend = () => Promise.reject(new Error('no memory'));
  const added = new AddedGraphs({ extend }, noiseWeights([]));
  const failing = added.get({ what: 'rows', adapters: ['mine'] }, () => ({}));
  await expect(added.forget('mine')).resolves.toBeUndefined();
  await expect(failing).rejects.toThrow('no memory');
});
