import { expect, test } from 'vitest';
import { checkpointSizes } from './checkpoint-sizes.ts';
import { checkpointConfig } from './checkpoint-tensors.ts';

const sizes = { vocabularySize: 320, hiddenSize: 64, mlpSize: 96, layers: 2, heads: 4, kvHeads: 2 };
const vision = { hiddenSize: 32, mlpSize: 64, layers: 2, heads: 2, tileSize: 56, patchSize: 14 };

test('sizes come back from the config.json that was made of them', () => {
  expect(checkpointSizes(checkpointConfig(sizes))).toEqual(sizes);
  const seeing = { ...sizes, vision };
  expect(checkpointSizes(checkpointConfig(seeing))).toEqual(seeing);
});

test('without key heads of their own, there are as many as query heads', () => {
  const { num_key_value_heads: _, ...config } = checkpointConfig(sizes);
  expect(checkpointSizes(config).kvHeads).toBe(4);
});

test('what is missing or no number is named', () => {
  const config = checkpointConfig(sizes);
  const read = (changes: object) => () => checkpointSizes({ ...config, ...changes });
  expect(read({ hidden_size: undefined })).toThrow('config.json has no hidden_size');
  expect(read({ num_hidden_layers: 'two' })).toThrow('num_hidden_layers: "two", but it should be');
  const seeing = { ...config, vision_config: { hidden_size: 32 } };
  expect(() => checkpointSizes(seeing)).toThrow('no vision_config.intermediate_size');
  expect(checkpointSizes(seeing, { seesPictures: false })).toEqual(sizes);
  expect(() => checkpointSizes(null)).toThrow('config.json must hold an object');
});
