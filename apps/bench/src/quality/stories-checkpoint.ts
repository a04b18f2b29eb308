import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSafetensors } from '@lingbi/core';
import { writeModel } from '@lingbi/tokenizer';
import { readStories } from '../../../../fixtures/stories260k/read-stories.ts';

/** A trained model that is always at hand, of 260,000 parameters. */
export async function writeStories(folder: string): Promise<void> {
  const { config, tensors, vocabulary } = await readStories();
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await writeFile(join(folder, 'tokenizer.model'), writeModel(vocabulary));
  const entries = Object.entries(tensors).map(([name, { shape, data }]) => {
    return { name, shape, dtype: 'float32' as const, bytes: () => bytesOf(data) };
  });
  await writeSafetensors(join(folder, 'model.safetensors'), entries);
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
