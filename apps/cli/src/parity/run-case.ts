import { type CompareOptions, compareChat } from './compare-chat.ts';
import { compareRotary } from './compare-rotary.ts';
import { type Finding, Findings } from './findings.ts';
import { type ChatCase, type LoadedCase, loadCase, type RotaryCase } from './golden-case.ts';
import type { ParityModel } from './parity-model.ts';

export interface CaseResult {
  readonly id: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly findings: readonly Finding[];
  /** Parts of the case that were not compared; for a skipped one, why. */
  readonly notCompared: readonly string[];
  readonly seconds: number;
}

const chatKinds = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];

/** Runs one case. What goes wrong on the way is a failed case, not an exception. */
export async function runCase(
  model: ParityModel,
  file: string,
  options: CompareOptions,
): Promise<CaseResult> {
  const start = performance.now();
  const findings = new Findings();
  let id = file;
  try {
    const loaded = await loadCase(file);
    await using tensors = loaded.tensors;
    id = loaded.golden.id;
    await compare(model, loaded, options, findings);
    if (findings.all.length > 0) findings.notCompared.push(...tensors.unread());
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    findings.all.push({ what: 'run', ok: false, figure: 'failed', detail });
  }
  const seconds = (performance.now() - start) / 1000;
  return {
    id,
    status: statusOf(findings),
    findings: findings.all,
    notCompared: findings.notCompared,
    seconds,
  };
}

async function compare(
  model: ParityModel,
  loaded: LoadedCase,
  options: CompareOptions,
  findings: Findings,
): Promise<void> {
  const { golden } = loaded;
  const kind = golden.kind ?? '';
  if (chatKinds.includes(kind)) {
    await compareChat(model, { ...loaded, golden: golden as ChatCase }, options, findings);
  } else if (kind === 'j') {
    await compareRotary(model, { ...loaded, golden: golden as RotaryCase }, options, findings);
  } else {
    findings.notCompared.push('no case of a known kind');
  }
}

function statusOf(findings: Findings): CaseResult['status'] {
  if (findings.all.length === 0) return 'skipped';
  return findings.passed ? 'passed' : 'failed';
}
