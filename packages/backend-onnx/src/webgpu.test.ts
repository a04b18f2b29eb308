import { existsSync } from 'node:fs';
import {
  attention,
  type Backend,
  type HostTensor,
  lastToken,
  linear,
  referenceBackend,
  scale,
  trace,
} from '@lingbi/core';
import { expectClose, noiseWeights, randomFloats, testBackend } from '@lingbi/core/testing';
import { describe, test } from 'vitest';
import { onnx } from './backend.ts';
import { MissingProviderError } from './errors.ts';

/** Where Debian's chromium puts a Vulkan driver that needs no GPU; libvulkan1 loads it. */
const swiftShader = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (existsSync(swiftShader)) process.env['VK_ICD_FILENAMES'] ??= swiftShader;
/** Compiling every shader takes SwiftShader a minute and a half, so the whole suite runs on demand. */
const runsWholeSuite = process.env['LINGBI_TEST_WEBGPU'] === 'all';
/** SwiftShader keeps within 1e-4; real GPUs add in another order and have coarser exponentials. */
const tolerance = 1e-3;

const webgpu = onnx({ provider: 'webgpu', threads: 1 });
const missing = await reasonItIsMissing();

describe.skipIf(missing)('on WebGPU', () => {
  test('the cache stays on the device, over steps, copies, cuts and growth', async () => {
    expectClose(await askTwice(webgpu), await askTwice(referenceBackend), tolerance, 'answers');
  });

  if (runsWholeSuite) testBackend(webgpu, { default: tolerance, int8: false });
});

test.runIf(missing)('WebGPU is untested here: apt-get install chromium libvulkan1', ({ skip }) => {
  skip(missing);
});

const [heads, kvHeads, headDim] = [2, 1, 8];
const layer = { layer: 0, kvHeads, headDim };
const features = (heads + 2 * kvHeads) * headDim;

/** A prompt, a step in its copy, a cut, and a step of both slots at once when they have grown. */
async function askTwice(backend: Backend): Promise<HostTensor> {
  const w = { name: 'w', shape: [6, heads * headDim] } as const;
  const angle = { shape: ['tokens', headDim / 2], dtype: 'float32' } as const;
  const qkv = { shape: ['tokens', features], dtype: 'float32' } as const;
  const step = trace('step', { qkv, cos: angle, sin: angle }, ({ qkv, cos, sin }) => ({
    y: linear(lastToken(attention(qkv, { cos, sin }, { heads, cache: layer })), w),
  }));
  await using program = await backend.compile({ step }, noiseWeights([w]));
  using cache = program.createCache({ capacity: 8, slots: 2 });
  const run = async (seed: string, segments: readonly { slot: number; tokens: number }[]) => {
    const tokens = segments.reduce((all, segment) => all + segment.tokens, 0);
    const inputs = {
      qkv: randomFloats(seed, [tokens, features]),
      cos: randomFloats(`${seed}.cos`, [tokens, headDim / 2]),
      sin: randomFloats(`${seed}.sin`, [tokens, headDim / 2]),
    };
    const { y } = await program.run('step', inputs, { cache, segments });
    using output = y!;
    return await output.read();
  };
  await run('prompt', [{ slot: 0, tokens: 4 }]);
  await cache.copy(0, 1);
  await run('step', [{ slot: 1, tokens: 2 }]);
  cache.truncate(2, 0);
  await cache.grow({ capacity: 12 });
  return await run('both', [
    { slot: 0, tokens: 1 },
    { slot: 1, tokens: 1 },
  ]);
}

async function reasonItIsMissing(): Promise<string | undefined> {
  try {
    const x = { shape: [4], dtype: 'float32' } as const;
    const probe = trace('probe', { x }, ({ x }) => ({ y: scale(x, 2) }));
    await using _program = await webgpu.compile({ probe }, noiseWeights([]));
    return undefined;
  } catch (error) {
    if (error instanceof MissingProviderError) return error.message;
    throw error;
  }
}
