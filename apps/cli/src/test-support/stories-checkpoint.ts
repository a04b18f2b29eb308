import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSafetensors } from '@lingbi/core';
import { writeModel } from '@lingbi/tokenizer';
import { readStories } from '../../../../fixtures/stories260k/read-stories.ts';

/** Writes config.json, tokenizer.model and model.safetensors of stories260K into `folder`. */
export async function writeStoriesCheckpoint(folder: string): Promise<void> {
  const { config, tensors, vocabulary } = await readStories();
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config, null, 2));
  await writeFile(join(folder, 'tokenizer.model'), writeModel(vocabulary));
  await writeSafetensors(
    join(folder, 'model.safetensors'),
    Object.entries(tensors).map(([name, { shape, data }]) => ({
      name,
      shape,
      dtype: 'float32',
      bytes: () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    })),
  );
}
