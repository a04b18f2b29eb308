import { formatBytes, type MemoryShares, memoryShareNames } from '@lingbi/core';
import type { PlanResult } from './plan-result.ts';

/** The plan as tables: tokens, memory, and what the budget has room for. */
export function printPlan(result: PlanResult): string {
  const tables = [tokenRows(result), memoryRows(result), settingRows(result)];
  return `${tables.map(printTable).join('\n')}\n${verdict(result)}\n`;
}

type Row = readonly [name: string, value: string];

function tokenRows({ segments, promptTokens, positions }: PlanResult): Row[] {
  return [
    ['tokens', ''],
    ...segments.map(({ type, name, tokens }): Row => {
      return [`  ${name === undefined ? type : `${type} ${name}`}`, count(tokens)];
    }),
    ['  the whole prompt', count(promptTokens)],
    ['  positions kept, with all answers', count(positions)],
  ];
}

function memoryRows({ bytes, peak, kv }: PlanResult): Row[] {
  const names = Object.keys(memoryShareNames) as (keyof MemoryShares)[];
  const taken = names.filter((name) => bytes[name] > 0);
  return [
    ['memory', ''],
    ...taken.map((name): Row => {
      const said = memoryShareNames[name];
      return [`  ${name === 'cache' ? `${said} in ${kv}` : said}`, formatBytes(bytes[name])];
    }),
    ['  the most at any moment', formatBytes(peak)],
  ];
}

function settingRows({ largest, memoryBudget }: PlanResult): Row[] {
  const rows = Object.entries(largest).map(([name, value]): Row => {
    return [`  ${optionOf(name)}`, value === 0 ? 'none' : count(value)];
  });
  return [[`the largest that fit ${formatBytes(memoryBudget)}, each alone`, ''], ...rows];
}

function verdict({ fits, peak, memoryBudget, advice }: PlanResult): string {
  if (fits) return 'It fits.';
  const lower = advice.map(({ setting, value }) => `${optionOf(setting)} to ${value}`);
  const raise = `--memory-budget to ${formatBytes(peak)} or more if there is that much`;
  const needs = `It does not fit: it needs ${formatBytes(peak)}, but may take ${formatBytes(memoryBudget)}.`;
  return `${needs} Set ${[...lower, raise].join(', or ')}.`;
}

/** `maxNewTokens` as it is written on the command line: `--max-new-tokens`. */
function optionOf(setting: string): string {
  return `--${setting.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}

function printTable(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  const line = ([name, value]: Row) =>
    value === '' ? name : `${name.padEnd(width)}  ${value.padStart(9)}`;
  return rows.map((row) => `${line(row)}\n`).join('');
}
