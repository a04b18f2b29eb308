/** Results for people, as Markdown, and for programs, as plain data. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Absence, Peer, Row } from './bench.ts';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memory: string;
  readonly platform: string;
  readonly node: string;
  /** Of the packages that do the work. */
  readonly versions: Readonly<Record<string, string>>;
}

/** The package of this repository that depends on each library whose version matters. */
const libraries = {
  'onnxruntime-node': '@lingbi/backend-onnx',
  '@tensorflow/tfjs': '@lingbi/backend-tfjs',
  sharp: '@lingbi/vision',
} as const;

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown processor',
    cores: availableParallelism(),
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    versions: Object.fromEntries(
      Object.entries(libraries).map(([name, owner]) => [name, versionOf(name, owner)]),
    ),
  };
}

export function machineLine({
  processor,
  cores,
  memory,
  platform,
  node,
  versions,
}: Machine): string {
  const libraries = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const parts = [`${processor}, ${cores} cores, ${memory}`, platform, `Node ${node}`];
  return [...parts, ...libraries].join(' · ');
}

export function markdownTable(rows: readonly (Row | Absence)[]): string {
  const compared = rows.some((row) => 'peers' in row);
  const noted = rows.some((row) => 'note' in row);
  const head = [
    ...['figure', 'median', 'spread', 'worst ÷ median'],
    ...(compared ? ['peer', 'ours ÷ peer'] : []),
    ...(noted ? ['note'] : []),
  ];
  const cells = rows.flatMap((row) => {
    if ('absent' in row) return [[row.figure, `not measured: ${row.absent}`]];
    const [first, ...others] = row.peers ?? [];
    return [
      [...ownCells(row), ...(compared ? peerCells(row, first) : []), row.note ?? ''],
      ...others.map((peer) => [...ownCells(row), ...peerCells(row, peer)]),
    ];
  });
  const line = (row: readonly string[]) => `| ${head.map((_, at) => row[at] ?? '').join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...cells.map(line)].join('\n');
}

function ownCells({ figure, unit, median, min, max }: Row): string[] {
  // Of a rate the smallest is the worst, of a time the largest.
  const worst = unit.includes('/s') ? min / median : median / max;
  return [figure, `${digits(median)} ${unit}`, `${digits(min)}–${digits(max)}`, worst.toFixed(2)];
}

function peerCells({ unit, median }: Row, peer: Peer | undefined): string[] {
  if (!peer) return ['', ''];
  return [`${digits(peer.median)} ${unit} (${peer.name})`, (median / peer.median).toFixed(2)];
}

/** Rows as plain data; every peer says how many times its median ours is. */
export function plainRows(rows: readonly (Row | Absence)[]): readonly object[] {
  return rows.map((row) => {
    if ('absent' in row || !row.peers) return row;
    const peers = row.peers.map((peer) => ({ ...peer, ratio: row.median / peer.median }));
    return { ...row, peers };
  });
}

/** Three digits that matter; whole numbers above a hundred. */
function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Looked up from its owner: a package may not let its package.json be imported. */
function versionOf(name: string, owner: string): string {
  const require = createRequire(fileURLToPath(import.meta.resolve(owner)));
  for (let at = dirname(require.resolve(name)); at !== dirname(at); at = dirname(at)) {
    const version = readVersion(join(at, 'package.json'), name);
    if (version) return version;
  }
  return 'of an unknown version';
}

function readVersion(file: string, name: string): string | undefined {
  try {
    const manifest = JSON.parse(readFileSync(file, 'utf8'));
    return manifest.name === name ? manifest.version : undefined;
  } catch {
    return undefined; // no package.json here: look further up
  }
}
