import { defineConfig, type Options } from 'tsup';

type Config =
  | Options
  | Options[]
  | ((overrideOptions: Options) => Options | Options[] | Promise<Options | Options[]>);

/** How every package is built: ESM for Node 20, with types and source maps; dependencies stay external. */
export function library(entry: string[]): Config {
  return defineConfig({
    entry,
    format: 'esm',
    target: 'node20',
    dts: true,
    sourcemap: true,
    clean: true,
  });
}
