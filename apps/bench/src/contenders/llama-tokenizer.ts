/** llama.cpp's tokenizer through node-llama-cpp, with a vocabulary of ours. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TokenizerModel } from '@lingbi/tokenizer';
import { writeGgufVocabulary } from './gguf.ts';
import { installPeer, nodeLlamaCpp } from './install.ts';

export interface PeerTokenizer extends AsyncDisposable {
  /** Markers of users in the text are tokens, others are not. */
  encode(text: string): readonly number[];
  decode(ids: readonly number[]): string;
}

export async function openLlamaTokenizer(vocabulary: TokenizerModel): Promise<PeerTokenizer> {
  const packages = await installPeer(nodeLlamaCpp);
  const entry = createRequire(join(packages, 'index.js')).resolve('node-llama-cpp');
  const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry).href);
  const folder = await mkdtemp(join(tmpdir(), 'lingbi-vocabulary-'));
  try {
    const modelPath = join(folder, 'vocabulary.gguf');
    writeGgufVocabulary(modelPath, vocabulary);
    // Loading a vocabulary alone is logged as an error, for there are no weights; what fails is thrown.
    const logLevel = LlamaLogLevel.disabled;
    const llama = await getLlama({ gpu: false, build: 'never', logLevel });
    const model = await llama.loadModel({ modelPath, vocabOnly: true });
    return {
      encode: (text) => model.tokenize(text),
      decode: (ids) => model.detokenize(ids),
      [Symbol.asyncDispose]: () => llama.dispose(),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}
