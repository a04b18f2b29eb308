/**
 * Compiles assembly/resize.ts and writes it, as base64, into src/resize/wasm.generated.ts, where no
 * bundler and no path can lose it:
 *
 *     npx tsx packages/vision/scripts/build-wasm.ts
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { main } from 'assemblyscript/asc';

const source = new URL('../assembly/resize.ts', import.meta.url);
const generated = new URL('../src/resize/wasm.generated.ts', import.meta.url);

// The stub runtime allocates nothing: every address comes from the caller.
const flags = [
  '--runtime',
  'stub',
  '--enable',
  'simd',
  '-O3',
  '--noAssert',
  '--initialMemory',
  '1',
];

/** Names the source and the flags that a module was made from: sha256 of both, in hex. */
export async function sourceHash(): Promise<string> {
  return createHash('sha256')
    .update(await readFile(source))
    .update(flags.join(' '))
    .digest('hex');
}

async function compileToTypeScript(): Promise<string> {
  const wasm = await compile(await readFile(source, 'utf8'));
  return [
    '// Made by scripts/build-wasm.ts: do not edit.',
    '',
    '/** sha256 of assembly/resize.ts and the compiler flags; a test checks that it is up to date. */',
    `export const resizeWasmSource: string = '${await sourceHash()}';`,
    '',
    '/** The compiled module, base64. */',
    `export const resizeWasm: string =\n  '${Buffer.from(wasm).toString('base64')}';`,
    '',
  ].join('\n');
}

async function compile(text: string): Promise<Uint8Array> {
  let wasm: Uint8Array | undefined;
  const { error, stderr } = await main(['resize.ts', '--outFile', 'resize.wasm', ...flags], {
    readFile: (name) => (name === 'resize.ts' ? text : null),
    writeFile: (_name, contents) => {
      wasm = contents as Uint8Array;
    },
    listFiles: () => [],
  });
  if (error || !wasm) throw new Error(`AssemblyScript refused assembly/resize.ts:\n${stderr}`);
  return wasm;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(generated, await compileToTypeScript());
}
