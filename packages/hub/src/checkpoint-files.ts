/**
 * Which files of a repository are wanted: what a checkpoint needs, all, or those that a pattern names
 * (`*` stands for any characters, slashes too).
 */
export type FileSelection = 'checkpoint' | 'all' | readonly string[];

/** The files of a list that a selection wants, in the order of the list. */
export function selectFiles(paths: readonly string[], selection: FileSelection): string[] {
  if (selection === 'all') return [...paths];
  if (selection === 'checkpoint') return checkpointFiles(paths);
  return paths.filter((path) => selection.some((pattern) => matches(path, pattern)));
}

/** The patterns of a selection that match nothing in a list. */
export function unmatchedPatterns(paths: readonly string[], selection: FileSelection): string[] {
  if (typeof selection === 'string') return [];
  return selection.filter((pattern) => !paths.some((path) => matches(path, pattern)));
}

const SAFETENSORS_INDEX = 'model.safetensors.index.json';
const TORCH_INDEX = 'pytorch_model.bin.index.json';

const smallFiles = new Set([
  'config.json',
  'generation_config.json',
  'tokenizer.model',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'quantize_config.json', // of checkpoints in GPTQ's form
]);

/** Configuration, tokenizer and weights at the top: safetensors where there are any, else `.bin`. */
function checkpointFiles(paths: readonly string[]): string[] {
  const weights = new Set(weightFiles(paths));
  return paths.filter((path) => smallFiles.has(path) || weights.has(path));
}

function weightFiles(paths: readonly string[]): string[] {
  const top = paths.filter((path) => !path.includes('/'));
  const safetensors = ofKind(top, 'model', '.safetensors');
  if (safetensors.length > 0) return [...safetensors, SAFETENSORS_INDEX];
  return [...ofKind(top, 'pytorch_model', '.bin'), TORCH_INDEX];
}

/** Files called as weights are; if none is, all of this kind. Trainers leave others: training_args.bin. */
function ofKind(names: readonly string[], stem: string, extension: string): string[] {
  const all = names.filter((name) => name.endsWith(extension));
  const called = all.filter((name) => name === stem + extension || name.startsWith(`${stem}-`));
  return called.length > 0 ? called : all;
}

/** What a folder lacks to be opened as a checkpoint; `readIndex` gives the text of an index file. */
export async function missingForCheckpoint(
  paths: readonly string[],
  readIndex: (path: string) => Promise<string>,
): Promise<string[]> {
  const weights = weightFiles(paths).filter((path) => paths.includes(path));
  const index = weights.find((path) => path.endsWith('.json'));
  const wanted = index ? shardsOf(await readIndex(index)) : [];
  const missing = ['config.json', ...wanted].filter((path) => !paths.includes(path));
  return weights.some((path) => path !== index) ? missing : [...missing, '*.safetensors'];
}

function shardsOf(index: string): string[] {
  try {
    const { weight_map: map } = JSON.parse(index) as { weight_map?: Record<string, string> };
    return [...new Set(Object.values(map ?? {}).map(String))];
  } catch {
    return []; // whoever opens the checkpoint says what is wrong with it
  }
}

function matches(path: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return path === pattern;
  if (!path.startsWith(first)) return false;
  let from = first.length;
  for (const part of rest) {
    const found = path.indexOf(part, from);
    if (found < 0) return false;
    from = found + part.length;
  }
  return path.length - from >= last.length && path.endsWith(last);
}
