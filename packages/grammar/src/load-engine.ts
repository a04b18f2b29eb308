import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';

type EngineModule = typeof import('@mlc-ai/web-xgrammar');

/** An instance of XGrammar with memory of its own, and what it complained of. */
export interface Engine {
  readonly module: EngineModule;
  readonly complaints: readonly string[];
}

/**
 * XGrammar is published as a script for browsers that is called a module, so Node cannot import it. It
 * holds its WebAssembly inside, and needs nothing of Node: it is run with what it may see, which is
 * neither the process nor a network, and with a console of its own, where it writes why it gave up.
 */
export async function loadEngine(): Promise<Engine> {
  const file = createRequire(import.meta.url).resolve('@mlc-ai/web-xgrammar');
  const complaints: string[] = [];
  const note = (line: unknown) => void complaints.push(String(line));
  const exports = {} as EngineModule;
  const seen = {
    ...{ exports, module: {}, process: undefined, require: undefined, document: undefined },
    location: { href: 'file:///' },
    console: { log: note, warn: note, error: note },
  };
  const script = compileFunction(await readFile(file, 'utf8'), Object.keys(seen), {
    filename: file,
  });
  script(...Object.values(seen));
  return { module: exports, complaints };
}
