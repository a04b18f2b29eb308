import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BackendName, chooseBackend } from '../backends.ts';
import { findCases } from './find-cases.ts';
import { openParityModel, type ParityModel } from './parity-model.ts';
import { printResult, printSummary } from './print-result.ts';
import { runCase } from './run-case.ts';

const fixtures = fileURLToPath(new URL('../../../../fixtures', import.meta.url));
const cases = await findCases([`${fixtures}/goldens/cases`]);
const options = { data: `${fixtures}/goldens/data`, tolerance: 2e-3 };

/** Pictures take plain loops several seconds each; one shows enough. */
const slowOnReference = ['multi-05-adjacent', 'image-15-truncated'];

describe.each(['onnx', 'reference', 'tfjs'] as const)('on the %s backend', (name) => {
  let model: ParityModel;
  beforeAll(async () => {
    model = await open(name);
  });
  afterAll(() => model[Symbol.asyncDispose]());

  const chosen = cases.filter(
    (file) => name === 'onnx' || !slowOnReference.some((slow) => file.includes(slow)),
  );
  test.each(chosen.map((file) => [nameOf(file), file]))(
    'the answer to %s equals the reference, token for token',
    async (_, file) => {
      const result = await runCase(model, file, { ...options, searches: name === 'onnx' });
      expect(result.status, printResult(result)).toBe('passed');
    },
  );
});

describe('a comparison that should fail does', () => {
  test('with other weights', async () => {
    await using model = await open('onnx', { rms_norm_eps: 1e-2 });
    const result = await runCase(model, `${fixtures}/goldens/cases/text-01.json`, options);
    expect(result.status).toBe('failed');
    expect(printResult(result)).toMatch(/✗ text-01.*\n {4}logits: largest difference/);
    expect(printResult(result)).toMatch(/answer: token \d+ is \d+, recorded \d+/);
  });

  test('with pictures that are not there, and says which', async () => {
    await using model = await open('onnx');
    const file = `${fixtures}/goldens/cases/image-01-small-landscape.json`;
    const result = await runCase(model, file, { ...options, data: '/nowhere' });
    expect(result.status).toBe('failed');
    expect(printResult(result)).toContain('cars1.jpg');
  });

  test('a kind that cannot be compared is skipped, not passed', async () => {
    await using model = await open('onnx');
    const result = await runCase(model, `${fixtures}/ixc25-micro/config.json`, options);
    expect(result.status).toBe('skipped');
    expect(printSummary([result, result])).toBe('0 passed, 0 failed, 2 skipped');
  });
});

async function open(name: BackendName, override = {}): Promise<ParityModel> {
  const backend = await chooseBackend({ backend: name });
  const model = await openParityModel({ folder: `${fixtures}/ixc25-micro`, backend });
  if (Object.keys(override).length === 0) return model;
  const xcomposer = await model.variant(override);
  await model[Symbol.asyncDispose]();
  return {
    tokenizer: model.tokenizer,
    variant: model.variant,
    xcomposer,
    [Symbol.asyncDispose]: () => xcomposer[Symbol.asyncDispose](),
  };
}

function nameOf(file: string): string {
  return file.match(/([^/\\]+)\.json$/)?.[1] ?? file;
}
