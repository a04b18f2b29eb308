/** Every example of the documentation compiles, and runs unless it says why not. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import ts from 'typescript';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Example, examplesIn, findExamples, writeExamples } from './examples.ts';
import type { Outcome } from './run-examples.ts';
import { root } from './workspace.ts';

const examples = findExamples();
const files = writeExamples(examples);
const runnable = examples.filter(({ noRun }) => noRun === undefined);

describe('examples are found in Markdown', () => {
  const markdown =
    '# Title\n\n```ts\nlet a = 1;\n```\n\n```sh\nls\n```\n```ts no-run: too big\nb();\n```';

  test('with the line they begin on and the reason not to run', () => {
    expect(examplesIn('a.md', markdown)).toEqual([
      { name: 'a.md:4', document: 'a.md', line: 4, code: 'let a = 1;' },
      { name: 'a.md:11', document: 'a.md', line: 11, code: 'b();', noRun: 'too big' },
    ]);
  });

  test('and one that is not run must say why', () => {
    expect(() => examplesIn('a.md', '```ts no-run\nb();\n```')).toThrow('a.md:1: say why');
  });
});

describe.runIf(examples.length > 0)('examples compile', () => {
  let faults: Map<string, string[]>;
  beforeAll(() => {
    faults = compile([...files.values()]);
  });

  test.each(examples)('$name', (example) => {
    expect(faults.get(files.get(example)!) ?? []).toEqual([]);
  });
});

describe.runIf(runnable.length > 0)('examples run', () => {
  let outcomes: Map<string, Outcome>;
  let output: string;
  beforeAll(() => {
    ({ outcomes, output } = runAll(runnable));
  });

  test.each(runnable)('$name', (example) => {
    const outcome = outcomes.get(files.get(example)!);
    expect(outcome, `it ended the whole run, or took too long:\n${output}`).toBeDefined();
    expect(outcome?.error, `${example.name}\n${output}`).toBeUndefined();
  });
});

/** What the compiler says of each file, `line: message`; all are one program. */
function compile(paths: readonly string[]): Map<string, string[]> {
  const program = ts.createProgram([...paths], exampleOptions());
  return new Map(
    paths.map((path) => {
      const diagnostics = ts.getPreEmitDiagnostics(program, program.getSourceFile(path));
      return [path, diagnostics.map(formatDiagnostic)];
    }),
  );
}

/** The options of the repository, without what only declarations of a library need. */
function exampleOptions(): ts.CompilerOptions {
  const file = join(root, 'tsconfig.base.json');
  const { config } = ts.readConfigFile(file, ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root, file);
  return { ...options, isolatedDeclarations: false, declaration: false };
}

function formatDiagnostic({ file, start, messageText }: ts.Diagnostic): string {
  const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
  return `line ${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
}

function runAll(chosen: readonly Example[]): { outcomes: Map<string, Outcome>; output: string } {
  const program = ['--import', 'tsx', '--conditions=lingbi:source', 'scripts/run-examples.ts'];
  const paths = chosen.map((example) => files.get(example)!);
  const { output } = spawnSync(process.execPath, [...program, ...paths], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    timeout: 240_000,
    maxBuffer: 64 * 2 ** 20,
  });
  const lines = (output[3] ?? '').split('\n').filter(Boolean);
  const outcomes = lines.map((line): Outcome => JSON.parse(line));
  return {
    outcomes: new Map(outcomes.map((outcome) => [outcome.file, outcome])),
    output: `${output[1]}${output[2]}`,
  };
}
