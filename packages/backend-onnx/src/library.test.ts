import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { linear, trace } from '@lingbi/core';
import { noiseWeights } from '@lingbi/core/testing';
import { afterAll, expect, test } from 'vitest';
import { onnx } from './backend.ts';
import { MissingLibraryError, MissingProviderError } from './errors.ts';
import { findLibrary, loadRuntime } from './library.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'lingbi-onnx-'));
afterAll(() => rmSync(folder, { recursive: true }));

const w = { name: 'w', shape: [4, 4] } as const;
const x = { shape: ['rows', 4], dtype: 'float32' } as const;
const graphs = { map: trace('map', { x }, ({ x }) => ({ y: linear(x, w) })) };

test('a folder without the library names the package to install', () => {
  expect(() => findLibrary(folder)).toThrow(MissingLibraryError);
  expect(() => findLibrary(folder)).toThrow(`in ${folder}`);
  expect(() => findLibrary(folder)).toThrow('npm install onnxruntime-node');
});

test('a file that is no library is an error, not a crash', async () => {
  const library = path.join(folder, 'libonnxruntime.so.1');
  writeFileSync(library, 'no library at all');
  const compiled = onnx({ library }).compile(graphs, noiseWeights([w]));
  await expect(compiled).rejects.toThrow(MissingLibraryError);
});

test.skipIf(process.platform !== 'linux')('a library that is another one is an error', async () => {
  const compiled = onnx({ library: 'libc.so.6' }).compile(graphs, noiseWeights([w]));
  await expect(compiled).rejects.toThrow('Cannot find ONNX Runtime in libc.so.6');
});

test('the library is loaded once, with telemetry off', () => {
  expect(loadRuntime()).toBe(loadRuntime());
  expect(process.env['ORT_DISABLE_TELEMETRY']).toBe('1');
});

test('a provider whose library is not installed says how to fetch it', async () => {
  const compiled = onnx({ provider: 'cuda' }).compile(graphs, noiseWeights([w]));
  await expect(compiled).rejects.toThrow(MissingProviderError);
  if (process.platform !== 'linux') return;
  await expect(onnx({ provider: 'cuda' }).compile(graphs, noiseWeights([w]))).rejects.toThrow(
    'ONNXRUNTIME_NODE_INSTALL=cuda12',
  );
});

test('options that cannot be are refused at once', () => {
  expect(() => onnx({ threads: 0 })).toThrow('threads must be a whole number above 0, but it is 0');
  expect(() => onnx({ accuracyLevel: 7 as 4 })).toThrow('accuracyLevel must be 0 to 4');
  expect(() => onnx({ provider: 'npu' as 'cpu' })).toThrow('no provider "npu"');
});

test('the program says what it runs on', async () => {
  await using program = await onnx({ threads: 2 }).compile(graphs, noiseWeights([w]));
  expect(program.device).toMatch(/^CPU, 2 threads \(ONNX Runtime 1\.\d+\.\d+\)$/);
});
