import { describe, test } from 'vitest';
import type { Backend } from '../backend/backend.ts';
import type { OpName } from '../graph/graph.ts';
import { referenceBackend } from '../reference/reference-backend.ts';
import { cacheSuite } from './cache-suite.ts';
import { expectClose } from './compare.ts';
import { noiseWeights } from './noise-weights.ts';
import { type OperationCase, operationCases } from './operation-cases.ts';
import { programSuite } from './program-suite.ts';

export interface BackendTolerances {
  /** For every operation without one of its own. Default: 1e-5. */
  readonly default?: number;
  /** Relative to the largest expected number. */
  readonly tolerance?: Partial<Record<OpName, number>>;
  /** Whether caches can keep keys and values in int8. Default: true. */
  readonly int8?: boolean;
  /** Whether they can in float16. Default: false. */
  readonly float16?: boolean;
}

const FLOAT16_TOLERANCE = 1e-3;
/** Rounding to 8 bits moves what follows by up to a hundredth; a wrong row or slot by tenths. */
const INT8_TOLERANCE = 2e-2;

/**
 * The whole contract of a backend as a vitest suite, against the reference backend: every
 * operation, the cache with its slots, programs and their errors. A new backend's test file is this
 * one call.
 *
 * @example
 * testBackend(myBackend, { tolerance: { linear: 1e-3 } }); // accumulates in half precision
 */
export function testBackend(backend: Backend, tolerances: BackendTolerances = {}): void {
  const of = (op: OpName) => tolerances.tolerance?.[op] ?? tolerances.default ?? 1e-5;
  describe(`${backend.name}: operations`, () => {
    for (const each of operationCases()) {
      test(each.name, () => compareOperation(backend, each, of(each.op)));
    }
  });
  cacheSuite(backend, of('attention'));
  if (tolerances.int8 !== false) cacheSuite(backend, INT8_TOLERANCE, 'int8');
  if (tolerances.float16) cacheSuite(backend, FLOAT16_TOLERANCE, 'float16');
  programSuite(backend, of('linear'));
}

async function compareOperation(
  backend: Backend,
  { name, graph, inputs }: OperationCase,
  tolerance: number,
): Promise<void> {
  const weights = noiseWeights(graph.weights);
  await using expected = await referenceBackend.compile({ graph }, weights);
  await using found = await backend.compile({ graph }, weights);
  const wanted = await expected.run('graph', inputs);
  const made = await found.run('graph', inputs);
  for (const key of Object.keys(graph.outputs)) {
    expectClose(await made[key]!.read(), await wanted[key]!.read(), tolerance, `${name}, ${key}`);
  }
  for (const output of [...Object.values(made), ...Object.values(wanted)]) output[Symbol.dispose]();
}
