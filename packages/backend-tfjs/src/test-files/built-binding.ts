import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The native binding that scripts/build-binding.sh has built, if it has. */
export function builtBinding(): string | undefined {
  const file =
    process.env['LINGBI_TFJS_BINDING'] ??
    join(homedir(), '.cache/lingbi/tfjs-binding/tfjs_binding.node');
  return existsSync(file) ? file : undefined;
}
