import type { CheckpointSizes, VisionSizes } from './checkpoint-tensors.ts';
import { ConfigError, type ConfigFields, field, optionalField } from './config-fields.ts';

/**
 * The sizes that a config.json names, when there are no tensors to read them from: the reverse of
 * `checkpointConfig`. Whether they fit each other is not asked. Those of a vision tower are for who asks.
 *
 * @throws ConfigError naming the field that is missing or no number.
 */
export function checkpointSizes(
  config: unknown,
  { seesPictures = true }: { readonly seesPictures?: boolean } = {},
): CheckpointSizes {
  if (typeof config !== 'object' || config === null) {
    throw new ConfigError('config.json must hold an object');
  }
  const fields = config as ConfigFields;
  const heads = field(fields, 'num_attention_heads', 'number');
  const vision = optionalField(fields, 'vision_config', 'object');
  return {
    vocabularySize: field(fields, 'vocab_size', 'number'),
    hiddenSize: field(fields, 'hidden_size', 'number'),
    mlpSize: field(fields, 'intermediate_size', 'number'),
    layers: field(fields, 'num_hidden_layers', 'number'),
    heads,
    kvHeads: optionalField(fields, 'num_key_value_heads', 'number') ?? heads,
    ...(vision && seesPictures && { vision: visionSizes(vision) }),
  };
}

function visionSizes(vision: ConfigFields): VisionSizes {
  const named = Object.entries(vision).map(([name, value]) => [`vision_config.${name}`, value]);
  const fields = Object.fromEntries(named);
  const size = (name: string) => field(fields, `vision_config.${name}`, 'number');
  return {
    hiddenSize: size('hidden_size'),
    mlpSize: size('intermediate_size'),
    layers: size('num_hidden_layers'),
    heads: size('num_attention_heads'),
    tileSize: size('image_size'),
    patchSize: size('patch_size'),
  };
}
