/** Recorded answers by penalties, beams and draws. */
import {
  type BeamOptions,
  filterSteps,
  finishPrefill,
  type GenerateOptions,
  generate,
  type Hypothesis,
  logSoftmax,
  type Prompt,
  type SamplingOptions,
  type Sequence,
} from '@lingbi/core';
import type { Findings } from './findings.ts';
import type { ChatCase, GoldenBeams, GoldenDistribution } from './golden-case.ts';

/** What scores and probabilities may differ by: the recording is float32 as well. */
const SCORE_TOLERANCE = 1e-4;

/** How many answers the case follows side by side at most. */
export function mostBeams(golden: ChatCase): number {
  return Math.max(1, ...beamRuns(golden).map(({ num_beams }) => num_beams));
}

/** On a sequence that has room for the most beams and for 24 tokens after the prompt. */
export async function compareGeneration(
  sequence: Sequence,
  prompt: Prompt,
  golden: ChatCase,
  findings: Findings,
): Promise<void> {
  const { greedy_repetition: greedy = [], custom_stop } = golden;
  await compareDistributions(sequence, prompt, golden, findings);
  for (const run of greedy) await compareGreedy(sequence, prompt, run, findings);
  for (const run of beamRuns(golden)) {
    const stopTokens = new Set(run.eos_ids ?? custom_stop?.eos_ids);
    await compareBeams(sequence, prompt, { ...run, stopTokens, scope: scopeOf(golden) }, findings);
  }
}

function beamRuns({ beams = [], custom_stop }: ChatCase): readonly GoldenBeams[] {
  return [...beams, ...(custom_stop?.beams ?? [])];
}

/** The reference's penalties know the prompt only where it was called without pictures. */
function scopeOf({ inputs }: ChatCase): NonNullable<GenerateOptions['penaltyScope']> {
  return inputs.images === null ? 'prompt-and-answer' : 'answer';
}

async function compareGreedy(
  sequence: Sequence,
  prompt: Prompt,
  run: NonNullable<ChatCase['greedy_repetition']>[number],
  findings: Findings,
): Promise<void> {
  const tokens: number[] = [];
  for await (const event of generate(sequence, prompt, {
    stopTokens: new Set(),
    maxNewTokens: run.ids.length,
    repetitionPenalty: run.repetition_penalty,
    penaltyScope: run.prompt_ids_visible ? 'prompt-and-answer' : 'answer',
  })) {
    if (event.type === 'token') tokens.push(event.token);
  }
  findings.tokens(`penalty ${run.repetition_penalty}`, tokens, run.ids);
}

interface BeamRun extends GoldenBeams {
  readonly stopTokens: ReadonlySet<number>;
  readonly scope: NonNullable<GenerateOptions['penaltyScope']>;
}

async function compareBeams(
  sequence: Sequence,
  prompt: Prompt,
  run: BeamRun,
  findings: Findings,
): Promise<void> {
  const beams: BeamOptions = {
    count: run.num_beams,
    lengthPenalty: run.length_penalty,
    earlyStopping: run.early_stopping,
  };
  let answers: readonly Hypothesis[] = [];
  for await (const event of generate(sequence, prompt, {
    stopTokens: run.stopTokens,
    maxNewTokens: run.max_new_tokens,
    repetitionPenalty: run.repetition_penalty ?? 1,
    penaltyScope: run.scope,
    beams,
  })) {
    if (event.type === 'generation-end') answers = event.answers ?? [];
  }
  const name = `${run.num_beams} beams, length^${run.length_penalty}`;
  const found = answers.flatMap(({ tokens }) => [...tokens]);
  findings.tokens(
    name,
    found,
    run.all.flatMap(({ ids }) => [...ids]),
  );
  const scores = answers.map(({ score }) => score);
  findings.near(
    `${name} scores`,
    scores,
    run.all.map(({ score }) => score),
    SCORE_TOLERANCE,
  );
}

/** What may be drawn as the first token, and how likely each is. */
async function compareDistributions(
  sequence: Sequence,
  prompt: Prompt,
  golden: ChatCase,
  findings: Findings,
): Promise<void> {
  const sampled = golden.first_step_distributions ?? [];
  const beams = golden.first_step_distributions_beam_sampling ?? [];
  if (sampled.length + beams.length === 0) return;
  const logits = await finishPrefill(sequence.prefill(prompt));
  for (const row of sampled) compareDistribution('draw', logits, row, findings);
  for (const row of beams) compareDistribution('beam draw', logSoftmax(logits), row, findings);
}

function compareDistribution(
  what: string,
  scores: Float32Array,
  recorded: GoldenDistribution,
  findings: Findings,
): void {
  const filtered = scores.slice();
  for (const step of filterSteps(samplingOf(recorded)))
    step(filtered, { generated: [], prompt: [] });
  const kept = [...filtered.keys()].filter((id) => filtered[id]! > -Infinity);
  // As sets: neighbours whose probabilities are all but equal may stand in either order.
  findings.tokens(
    `${what} ids`,
    kept,
    recorded.ids.toSorted((a, b) => a - b),
  );
  const probabilities = logSoftmax(filtered).map(Math.exp);
  const found = recorded.ids.map((id) => probabilities[id]!);
  findings.near(`${what} probabilities`, found, recorded.probs, SCORE_TOLERANCE);
}

function samplingOf(recorded: GoldenDistribution): SamplingOptions {
  const { temperature, top_k: topK, top_p: topP, min_tokens_to_keep: minTokensToKeep } = recorded;
  return { temperature, topP, minTokensToKeep, ...(topK !== null && { topK }) };
}
