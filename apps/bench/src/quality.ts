/** What smaller weights cost in words: distances from the same model in float32. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onnx } from '@lingbi/backend-onnx';
import { type ConvertOptions, convertCheckpoint } from '@lingbi/hub';
import { loadTiledImage, presets } from '@lingbi/vision';
import { type Bench, type Row, rowOf } from './bench.ts';
import { compareLogits } from './quality/compare-logits.ts';
import { drawTexts, openDecoder, readLogits } from './quality/read-texts.ts';
import { writeStories } from './quality/stories-checkpoint.ts';
import { projectRows, relativeRms } from './quality/tower-error.ts';

/** Each with float32 activations (level 1) and with activations rounded to int8 (level 4). */
const encodings: Readonly<Record<string, ConvertOptions>> = {
  f16: { weights: 'f16' },
  'int8-32': { weights: 'int8', block: 32 },
  'int8-128': { weights: 'int8' },
  ...int4(32),
  ...int4(128),
  'int4-128, head int8': { weights: 'int4', formats: { head: 'int8' } },
};

/** As it is done, and what was measured against it. */
function int4(block: 32 | 128): Record<string, ConvertOptions> {
  // Blocks of 128 are the usual ones: asked for by name, they are refused where no row divides into them.
  const options = { weights: 'int4', ...(block !== 128 && { block }) } as const;
  return {
    [`int4-${block}`]: options,
    [`int4-${block}, nearest`]: { ...options, rounding: 'nearest' },
    [`int4-${block}, symmetric`]: { ...options, zeroPoints: false },
    [`int4-${block}, symmetric, nearest`]: { ...options, zeroPoints: false, rounding: 'nearest' },
  };
}

const PICTURES = ['cars1.jpg', 'ccbench-383.jpg', 'portrait-420x700.jpg'];
/** Tiles of a picture at most, its global view aside. */
const TILES = [1, 4];
const fixtures = new URL('../../../fixtures/', import.meta.url);
const fixture = (name: string) => fileURLToPath(new URL(name, fixtures));

/** Texts of two models, and rows of pictures of two towers: one trained, one with random weights. */
const parts: Readonly<Record<string, (folder: string) => Promise<Row[]>>> = {
  stories260K: async (folder) => {
    const stories = join(folder, 'stories260K');
    await writeStories(stories);
    return measureModel('stories260K', stories, folder);
  },
  tiny: (folder) => whereThere('tiny', () => measureModel('tiny', fixture('tiny'), folder)),
  tower: async (folder) => [
    ...(await whereThere('tiny', () => measureTower('tiny', folder))),
    ...(await measureTower('ixc25-micro', folder)),
  ],
};

const TEXTS = 48;
const TOKENS = 160;

export const qualityBench: Bench = {
  describe:
    'How far smaller weights are from float32: texts of trained models, and a tower in int8',
  takes: ['only'],
  choices: Object.keys(parts),
  async run({ only = Object.keys(parts) }) {
    const folder = await mkdtemp(join(tmpdir(), 'lingbi-quality-'));
    try {
      const rows: Row[] = [];
      for (const part of only) rows.push(...(await parts[part]!(folder)));
      return rows;
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

async function whereThere(name: string, measure: () => Promise<Row[]>): Promise<Row[]> {
  return existsSync(join(fixture(name), 'config.json')) ? measure() : [];
}

/** A row of divergences and one of agreements for each encoding; a run is a text. */
async function measureModel(name: string, source: string, folder: string): Promise<Row[]> {
  await using exact = await openDecoder(source, onnx());
  const texts = await drawTexts(exact, TEXTS, TOKENS);
  const wanted: Float32Array[][] = [];
  for (const text of texts) wanted.push(await readLogits(exact, text));
  const rows: Row[] = [];
  for (const [encoding, options] of Object.entries(encodings)) {
    const out = join(folder, `${name} ${encoding}`);
    await convertCheckpoint(source, out, options);
    for (const accuracyLevel of encoding === 'f16' ? ([1] as const) : ([1, 4] as const)) {
      const distances = [];
      await using model = await openDecoder(out, onnx({ accuracyLevel }));
      for (const [index, text] of texts.entries()) {
        distances.push(compareLogits(await readLogits(model, text), wanted[index]!));
      }
      const figure = `${name}, ${encoding}, level ${accuracyLevel}`;
      const divergences = distances.map(({ divergence }) => divergence * 1000);
      const agreements = distances.map(({ agreement }) => agreement * 100);
      rows.push(rowOf(`${figure}: divergence`, 'millinats', divergences));
      rows.push(rowOf(`${figure}: same token`, '%', agreements));
    }
  }
  return rows;
}

/** The relative error of a picture's rows when matrices and activations of the tower are in int8; a run is a picture. */
async function measureTower(name: string, folder: string): Promise<Row[]> {
  const out = join(folder, `${name} vision int8`);
  await convertCheckpoint(fixture(name), out, { weights: 'f32', vision: 'int8' });
  await using exact = await openDecoder(fixture(name), onnx());
  await using rounded = await openDecoder(out, onnx());
  const rows: Row[] = [];
  for (const hdNum of TILES) {
    const errors: number[] = [];
    for (const picture of PICTURES) {
      const preset = { ...presets.chat, hdNum, tileSize: exact.tower.tileSize };
      const image = await loadTiledImage(fixture(`pictures/${picture}`), { preset });
      const found = await projectRows(rounded, image);
      errors.push(100 * relativeRms(found, await projectRows(exact, image)));
    }
    rows.push(rowOf(`${name}, vision int8, hdNum ${hdNum}: error (RMS)`, '%', errors));
  }
  return rows;
}
