import type { CheckpointSizes, VisionSizes } from './checkpoint-tensors.ts';
import { ConfigError, type ConfigFields, field, optionalField } from './config-fields.ts';

/**
 * The sizes that a config.json names, when there are no tensors to read them from: the reverse of
 * `checkpointConfig`. Whether they fit each other is not asked.
 *
 * @throws ConfigError naming the field that is missing or no number.
 */
export function checkpointSizes(config: unknown): CheckpointSizes {
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
    ...(vision && { vision: visionSizes(vision) }),
  };
}

function visionSizes(fields: ConfigFields): VisionSizes {
  return {
    hiddenSize: field(fields, 'hidden_size', 'number'),
    mlpSize: field(fields, 'intermediate_size', 'number'),
    layers: field(fields, 'num_hidden_layers', 'number'),
    heads: field(fields, 'num_attention_heads', 'number'),
    tileSize: field(fields, 'image_size', 'number'),
    patchSize: field(fields, 'patch_size', 'number'),
  };
}
