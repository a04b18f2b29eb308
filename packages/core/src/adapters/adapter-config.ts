import { AdapterError } from './adapter-error.ts';

/** What adapter_config.json says that matters when the adapter is used (PEFT's LoraConfig). */
export interface AdapterConfig {
  readonly rank: number;
  /** What B · A is multiplied by: alpha / rank, or alpha / √rank (`use_rslora`). */
  readonly factor: number;
}

/** Settings that change what an adapter computes in ways that are not offered; each with its harmless values. */
const refused: Readonly<Record<string, (value: unknown) => boolean>> = {
  bias: (value) => value === 'none',
  use_dora: isOff,
  use_qalora: isOff,
  fan_in_fan_out: isOff,
  lora_bias: isOff,
  rank_pattern: isEmpty,
  alpha_pattern: isEmpty,
  modules_to_save: isEmpty,
  trainable_token_indices: isEmpty,
  target_parameters: isEmpty,
  layer_replication: isEmpty,
  alora_invocation_tokens: isEmpty,
  // Others write changed base weights, which the adapter then counts on.
  init_lora_weights: (value) => typeof value === 'boolean' || value === 'gaussian',
};

/** @throws AdapterError naming the setting. */
export function readAdapterConfig(folder: string, json: unknown): AdapterConfig {
  const fail = (detail: string): never => {
    throw new AdapterError(folder, `its adapter_config.json ${detail}`);
  };
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return fail('must hold an object');
  }
  const config = json as Readonly<Record<string, unknown>>;
  if (config['peft_type'] !== 'LORA') {
    fail(`has peft_type ${JSON.stringify(config['peft_type'])}: only LORA can be used`);
  }
  for (const [setting, isHarmless] of Object.entries(refused)) {
    const value = config[setting];
    if (value === undefined || value === null || isHarmless(value)) continue;
    fail(
      `has ${setting}: ${JSON.stringify(value)}, which is not supported: train without it, or merge it with PEFT`,
    );
  }
  const { r: rank, lora_alpha: alpha } = config;
  if (typeof rank !== 'number' || !Number.isInteger(rank) || rank < 1) {
    return fail(`has r: ${JSON.stringify(rank)}, but a rank is a whole number above 0`);
  }
  if (typeof alpha !== 'number' || !Number.isFinite(alpha)) {
    return fail(`has lora_alpha: ${JSON.stringify(alpha)}, but it must be a number`);
  }
  return { rank, factor: alpha / (config['use_rslora'] === true ? Math.sqrt(rank) : rank) };
}

function isOff(value: unknown): boolean {
  return value === false;
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
