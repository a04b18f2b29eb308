import type { KvFormat, Program } from '../../backend/backend.ts';
import { describeModel, type PlannedModel } from '../../plan/describe-model.ts';
import { MemoryBudgetError } from '../../plan/memory-budget-error.ts';
import { largestShares, planMemory } from '../../plan/plan-memory.ts';
import { weightsAdvice } from '../../plan/weights-advice.ts';
import type { WeightSource } from '../../weights/weight-source.ts';
import { bindCheckpoint } from './bind-checkpoint.ts';
import type { XComposerConfig } from './config.ts';
import { type GraphName, isLazy, xcomposerGraphs } from './graphs.ts';
import { XComposer } from './model.ts';
import type { XComposerOptions } from './options.ts';
import { projectSeparators } from './picture-encoder.ts';
import { readSeparators } from './separators.ts';

/**
 * Compiles a checkpoint for a backend. The graphs of the task adapters load their weights when they
 * are first asked for.
 *
 * @throws ConfigError, MissingWeightError, WeightShapeError before a byte of the weights is read.
 */
export async function compileXComposer(options: XComposerOptions): Promise<XComposer> {
  const { checkpoint } = options;
  let program: Program<GraphName> | undefined;
  try {
    const { config, weights } = bindCheckpoint(checkpoint, options.config);
    if (config.vision) weights.describe('separators'); // no graph names them, but they must be there
    const planned = await requireMemory(options);
    const kv = options.kv ?? planned?.kv ?? 'float32';
    program = await compileGraphs(config, weights, { ...options, kv });
    program.createCache({ capacity: 1, kv })[Symbol.dispose](); // or say so now
    const { signal } = options;
    const separators =
      config.vision &&
      (await projectSeparators(program, await readSeparators(weights, signal), signal));
    const extras = { ...options, kv, planned, weights };
    return new XComposer(config, program, checkpoint, separators, extras);
  } catch (error) {
    await program?.[Symbol.asyncDispose]();
    await checkpoint[Symbol.asyncDispose]();
    throw error;
  }
}

/** The model as it can be planned, if its backend says how it uses memory. */
async function requireMemory(options: XComposerOptions): Promise<PlannedModel | undefined> {
  const { backend, memoryBudget = Infinity } = options;
  if (!backend.memory && memoryBudget === Infinity) return undefined;
  const planned = await describeModel(options);
  const { peak, bytes } = planMemory(planned);
  if (peak <= memoryBudget) return planned;
  const advice = weightsAdvice(planned, (other) => planMemory(other).peak <= memoryBudget);
  const reasons = largestShares(bytes);
  throw new MemoryBudgetError('Opening this model', peak, memoryBudget, advice, reasons);
}

function compileGraphs(
  config: XComposerConfig,
  weights: WeightSource,
  { backend, kv, onProgress, signal }: XComposerOptions & { readonly kv: KvFormat },
): Promise<Program<GraphName>> {
  const graphs = xcomposerGraphs(config, weights);
  const lazy = (Object.keys(graphs) as GraphName[]).filter(isLazy);
  return backend.compile(graphs, weights, {
    ...{ lazy, kv },
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  });
}
