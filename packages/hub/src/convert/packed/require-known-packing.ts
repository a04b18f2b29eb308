import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SourceError } from '../errors.ts';

/**
 * What packers say of their words, and what of it is read here. Others would be read without a
 * complaint, and wrongly: `gptq_v2` stores zero points as they are, `gptq` less one.
 */
const known: Readonly<Record<string, readonly (string | number)[]>> = {
  quant_method: ['awq', 'gptq'],
  checkpoint_format: ['gptq'],
  version: ['gemm'], // of AWQ
  bits: [4],
  w_bit: [4], // as AutoAWQ called it at first
};

/** Older packers kept beside config.json what stands in its `quantization_config` today. */
const filesOfPackers = ['quantize_config.json', 'quant_config.json'];

/**
 * Compares what a checkpoint says of its packing with what can be read.
 *
 * @throws SourceError naming the field, what it holds and what it should.
 */
export async function requireKnownPacking(source: string, config: unknown): Promise<void> {
  requireKnown(source, 'config.json', 'quantization_config.', config);
  for (const file of filesOfPackers) {
    const text = await readFile(join(source, file), 'utf8').catch(() => undefined);
    if (text !== undefined) requireKnown(source, file, '', parsed(text));
  }
}

function requireKnown(source: string, file: string, root: string, packing: unknown): void {
  if (typeof packing !== 'object' || packing === null) return;
  const fields = new Map(Object.entries(packing));
  for (const [field, allowed] of Object.entries(known)) {
    const found = fields.get(field) ?? undefined;
    const plain = typeof found === 'string' ? found.toLowerCase() : found;
    if (plain === undefined || allowed.includes(plain)) continue;
    const is = `${root}${field}: ${JSON.stringify(found)}`;
    const wanted = allowed.map((each) => JSON.stringify(each)).join(' or ');
    throw new SourceError(
      source,
      `its ${file} says ${is}, but only ${wanted} is read. Give the 16-bit checkpoint that it was packed from, or pack it so`,
    );
  }
}

/** What is no JSON says nothing. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
