/** The TypeScript examples of the documentation: found, written where their imports resolve. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow, readText, root, workspacePackages } from './workspace.ts';

export interface Example {
  /** `packages/core/README.md:12`, where its first line stands. */
  readonly name: string;
  readonly document: string;
  readonly line: number;
  readonly code: string;
  /** Why it is only checked, not run: what follows `no-run:` on the line that opens the fence. */
  readonly noRun?: string;
}

/** Examples resolve their imports from here, as a program that installed every package would. */
const folder = 'scripts/.examples';

/** Every `ts` fence of the READMEs, of docs/ and of CONTRIBUTING.md. */
export function findExamples(): Example[] {
  const readmes = workspacePackages().flatMap((own) => filesBelow(own.folder, '/README.md'));
  const documents = ['README.md', 'CONTRIBUTING.md', ...readmes, ...filesBelow('docs', '.md')];
  return documents.flatMap((document) => examplesIn(document, readDocument(document)));
}

/** @throws SyntaxError when a fence says no-run without a reason, or is not closed. */
export function examplesIn(document: string, markdown: string): Example[] {
  const examples: Example[] = [];
  const lines = markdown.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const fence = /^(\s*)(```+)(.*)$/.exec(lines[at]!);
    if (!fence) continue;
    const end = lines.findIndex((line, index) => index > at && line.trim() === fence[2]);
    if (end < 0) throw new SyntaxError(`${document}:${at + 1}: this fence is never closed`);
    const noRun = readNoRun(fence[3]!, `${document}:${at + 1}`);
    if (/^ts\b/.test(fence[3]!)) {
      const code = lines.slice(at + 1, end).join('\n');
      examples.push({
        ...{ name: `${document}:${at + 2}`, document, line: at + 2, code },
        ...(noRun && { noRun }),
      });
    }
    at = end;
  }
  return examples;
}

/** Puts each example into a file of its own, on the lines it has in its document. */
export function writeExamples(examples: readonly Example[]): Map<Example, string> {
  rmSync(join(root, folder), { recursive: true, force: true });
  mkdirSync(join(root, folder), { recursive: true });
  return new Map(
    examples.map((example) => {
      const file = join(root, folder, `${example.name.replaceAll(/[/:]/g, '-')}.ts`);
      const above = '\n'.repeat(example.line - 1);
      // `export {}` lets an example without imports await, as one with imports may.
      writeFileSync(file, `${above}${example.code}\nexport {};\n`);
      return [example, file];
    }),
  );
}

function readNoRun(info: string, place: string): string | undefined {
  if (!/\bno-run\b/.test(info)) return undefined;
  const reason = /\bno-run:\s*(\S.*)$/.exec(info)?.[1];
  if (reason) return reason.trim();
  throw new SyntaxError(
    `${place}: say why it is not run, as in \`\`\`ts no-run: downloads a checkpoint`,
  );
}

function readDocument(document: string): string {
  try {
    return readText(document);
  } catch {
    return '';
  }
}
