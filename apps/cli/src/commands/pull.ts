import { type HubSource, type PullPlan, planPull, pull } from '@lingbi/hub';
import type { Command } from 'commander';
import { catchInterrupt } from '../interrupt.ts';
import { Option } from '../options.ts';
import { showDownload } from '../show-download.ts';

interface PullCommandOptions {
  readonly source: HubSource;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  lingbi pull internlm/internlm-xcomposer2d5-7b
  lingbi pull internlm/internlm-xcomposer2d5-7b@main --dry-run

HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are honoured. A broken-off pull goes on
where it was.`;

export function addPullCommand(program: Command): void {
  program
    .command('pull')
    .description('download a checkpoint into the shared cache, and print its folder')
    .argument('<model>', 'owner/name, or owner/name@revision')
    .addOption(
      new Option('--source <name>', 'which hub')
        .choices(['huggingface', 'modelscope'])
        .default('huggingface'),
    )
    .option('--dry-run', 'only list what would be downloaded')
    .option('--json', 'print events as a JSON object a line')
    .addHelpText('after', examples)
    .action(runPull);
}

async function runPull(model: string, options: PullCommandOptions): Promise<void> {
  const { source, dryRun = false, json = false } = options;
  using interrupt = catchInterrupt();
  const { signal } = interrupt;
  if (dryRun) {
    const plan = await planPull(model, { source, signal });
    console.log(json ? JSON.stringify(plan) : printPlan(plan));
    return;
  }
  using shown = showDownload({ json });
  const { folder } = await pull(model, { source, signal, onProgress: shown.update });
  shown[Symbol.dispose]();
  console.log(json ? JSON.stringify({ type: 'done', folder }) : folder);
}

function printPlan({ files, missingBytes, bytes }: PullPlan): string {
  const lines = files.map(({ path, bytes, isCached }) => {
    return `${isCached ? 'cached ' : 'missing'} ${megabytes(bytes).padStart(10)}  ${path}`;
  });
  return [...lines, `${megabytes(missingBytes)} of ${megabytes(bytes)} to download`].join('\n');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
