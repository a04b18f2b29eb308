/** Rotary positions past a shortened trained length (spec MODEL §5). */
import { finishPrefill, likeliest, type XComposer } from '@lingbi/core';
import type { CompareOptions } from './compare-chat.ts';
import type { Findings } from './findings.ts';
import { type LoadedCase, loadCase, type RotaryCase } from './golden-case.ts';
import type { ParityModel } from './parity-model.ts';

type LoadedRotary = LoadedCase & { readonly golden: RotaryCase };

export async function compareRotary(
  model: ParityModel,
  loaded: LoadedRotary,
  { tolerance }: CompareOptions,
  findings: Findings,
): Promise<void> {
  await using xcomposer = await model.variant(loaded.golden.config_override);
  await compareSteps(xcomposer, loaded, tolerance, findings, 'cached');
  await compareSteps(xcomposer, loaded, tolerance, findings, 'recompute');
  if (loaded.golden.sticky) await compareSticky(model, loaded, tolerance, findings);
}

/** `cached` feeds one token a step and keeps old keys; `recompute` reads everything anew. */
async function compareSteps(
  xcomposer: XComposer,
  { golden, tensors }: LoadedRotary,
  tolerance: number,
  findings: Findings,
  how: 'cached' | 'recompute',
): Promise<void> {
  const prompt = golden.prompt_ids;
  const expected = golden[`greedy_${how}`].ids;
  using sequence = xcomposer.openSequence({ capacity: prompt.length + expected.length });
  const read = (ids: readonly number[]) =>
    finishPrefill(sequence.prefill([{ type: 'text', ids: Int32Array.from(ids) }]));
  let logits = await read(prompt);
  const first = await tensors.read('logits');
  if (first) findings.close('logits', logits, first, tolerance);
  const found = [likeliest(logits)];
  while (found.length < expected.length) {
    const next = how === 'cached' ? sequence.feed(found.at(-1)!) : read([...prompt, ...found]);
    logits = await next;
    found.push(likeliest(logits));
  }
  findings.tokens(`${how} tokens`, found, expected);
  const last = await tensors.read(`${how}.last_logits`);
  if (last) findings.close(`${how} last logits`, logits, last, tolerance);
}

/** The prompt of the sibling case `rope-60`, read after the long one in the same process. */
async function compareSticky(
  model: ParityModel,
  { golden, tensors, file }: LoadedRotary,
  tolerance: number,
  findings: Findings,
): Promise<void> {
  const recorded = await tensors.read('sticky.prompt60_after_100.logits');
  const sibling = await loadCase(file.replace(/[^/\\]+$/, 'rope-60.json')).catch(() => undefined);
  if (!recorded || !sibling) {
    findings.notCompared.push('sticky base (it needs its numbers, and rope-60.json beside it)');
    return;
  }
  await using _tensors = sibling.tensors;
  await using xcomposer = await model.variant(golden.config_override, { stickyRotary: true });
  const read = async (ids: readonly number[]) => {
    using sequence = xcomposer.openSequence({ capacity: ids.length });
    return await finishPrefill(sequence.prefill([{ type: 'text', ids: Int32Array.from(ids) }]));
  };
  await read(golden.prompt_ids);
  const found = await read((sibling.golden as RotaryCase).prompt_ids);
  findings.close('sticky base', found, recorded, tolerance);
}
