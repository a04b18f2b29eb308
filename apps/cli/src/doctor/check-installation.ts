import { referenceBackend } from '@lingbi/core';
import { readPicture } from '@lingbi/vision';
import { type BackendChoice, chooseBackend } from '../backends.ts';
import type { Run } from '../run-command.ts';
import { type Check, failed } from './check.ts';
import { checkHugePages } from './check-huge-pages.ts';
import { checkKernels } from './check-kernels.ts';
import { checkModel } from './check-model.ts';
import { checkVideos } from './check-videos.ts';
import { tinyProgram } from './tiny-program.ts';

/** Each check really does the smallest piece of what it is about. */
export async function checkInstallation(run: Run, model?: string): Promise<Check[]> {
  const hugePages = await checkHugePages();
  return [
    checkNode(),
    await checkPictures(),
    await checkVideos(),
    await checkBackend('backend onnx', { backend: 'onnx' }, 'bad'),
    await checkKernels(),
    await checkBackend('backend onnx, cuda', { backend: 'onnx', provider: 'cuda' }, 'missing'),
    await checkBackend('backend onnx, webgpu', { backend: 'onnx', provider: 'webgpu' }, 'missing'),
    await checkBackend('backend tfjs', { backend: 'tfjs' }, 'missing'),
    ...(hugePages ? [hugePages] : []),
    ...(model === undefined ? [] : await checkModel(model, run)),
  ];
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const good = major > 20 || (major === 20 && minor >= 19);
  const check = { name: 'Node', detail: process.versions.node } as const;
  if (good) return { ...check, state: 'good' };
  return { ...check, state: 'bad', fix: 'install Node 20.19 or newer: https://nodejs.org' };
}

/** One white pixel as a PNG. */
const pixel =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC';

async function checkPictures(): Promise<Check> {
  try {
    const { data } = await readPicture(pixel);
    return { name: 'pictures', state: 'good', detail: `sharp decodes (${[...data].join(' ')})` };
  } catch (error) {
    return failed('pictures', 'bad', error, 'npm install sharp');
  }
}

async function checkBackend(
  name: string,
  choice: BackendChoice,
  otherwise: 'missing' | 'bad',
): Promise<Check> {
  try {
    const backend = await chooseBackend(choice);
    const difference = await tinyProgram(backend, referenceBackend);
    if (difference.error > 1e-2) throw new Error(`it computes wrongly, by ${difference.error}`);
    return { name, state: 'good', detail: `runs on ${difference.device}` };
  } catch (error) {
    return failed(name, otherwise, error);
  }
}
