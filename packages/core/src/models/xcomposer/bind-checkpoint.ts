import type { Checkpoint } from '../../weights/checkpoint.ts';
import { convertedWeights } from '../../weights/converted/converted-weights.ts';
import { sourceTensors } from '../../weights/converted/manifest.ts';
import { checkpointWeights } from '../../weights/weight-map.ts';
import type { WeightSource } from '../../weights/weight-source.ts';
import { readConfig, type XComposerConfig } from './config.ts';
import { weightMap } from './weight-map.ts';

export interface BoundCheckpoint {
  readonly config: XComposerConfig;
  readonly weights: WeightSource;
}

/**
 * Our weights from a checkpoint, of which only headers are read. A converted one holds them as they
 * are; any other holds what they are made of.
 */
export function bindCheckpoint(checkpoint: Checkpoint, json: unknown): BoundCheckpoint {
  const { manifest } = checkpoint;
  if (manifest) {
    const config = readConfig(json, sourceTensors(manifest));
    return { config, weights: convertedWeights(checkpoint, manifest) };
  }
  const config = readConfig(json, checkpoint);
  return { config, weights: checkpointWeights(checkpoint, weightMap(config, checkpoint)) };
}
