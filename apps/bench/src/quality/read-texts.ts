import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Backend,
  compileXComposer,
  generate,
  openCheckpoint,
  type XComposer,
} from '@lingbi/core';

/** Token 1 begins a text in every vocabulary of this family. */
const BEGIN = 1;

/** Opens a checkpoint's decoder, plain or converted. */
export async function openDecoder(folder: string, backend: Backend): Promise<XComposer> {
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  return compileXComposer({ backend, config, checkpoint: await openCheckpoint(folder) });
}

/** Texts that the model itself writes when its tokens are drawn, a seed each. */
export async function drawTexts(
  model: XComposer,
  count: number,
  length: number,
): Promise<Int32Array[]> {
  const texts: Int32Array[] = [];
  for (let seed = 1; seed <= count; seed++) {
    using sequence = model.openSequence({ capacity: length + 1 });
    const prompt = [{ type: 'text', ids: Int32Array.of(BEGIN) }] as const;
    const tokens = [BEGIN];
    const options = { sampling: { seed }, maxNewTokens: length, stopTokens: new Set([BEGIN]) };
    for await (const event of generate(sequence, prompt, options)) {
      if (event.type === 'token') tokens.push(event.token);
    }
    texts.push(Int32Array.from(tokens));
  }
  return texts;
}

/** The logits after each token of a text. */
export async function readLogits(model: XComposer, text: Int32Array): Promise<Float32Array[]> {
  using sequence = model.openSequence({ capacity: text.length });
  const logits: Float32Array[] = [];
  for (const token of text) logits.push(await sequence.feed(token));
  return logits;
}
