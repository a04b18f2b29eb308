import type { HubSource, PullPlan } from '@lingbi/hub';
import { type Command, Option } from 'commander';
import { addOutputOptions } from '../options.ts';
import type { OutputFlags } from '../report/report.ts';
import { showDownload } from '../report/show-download.ts';
import { type Run, runCommand } from '../run-command.ts';

interface PullFlags extends OutputFlags {
  readonly source: HubSource;
  readonly dryRun?: boolean;
}

const more = `
Examples:
  lingbi pull internlm/internlm-xcomposer2d5-7b
  lingbi pull internlm/internlm-xcomposer2d5-7b@main --dry-run

HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are honoured. A broken-off pull goes on
where it was.`;

export function addPullCommand(program: Command): void {
  const command = program
    .command('pull')
    .description('download a checkpoint into the shared cache, and print its folder')
    .argument('<model>', 'owner/name, or owner/name@revision')
    .addOption(
      new Option('--source <name>', 'which hub')
        .choices(['huggingface', 'modelscope'])
        .default('huggingface'),
    )
    .option('--dry-run', 'only list what would be downloaded')
    .addHelpText('after', more)
    .action((model: string, flags: PullFlags) =>
      runCommand(flags, (run) => (flags.dryRun ? showPlan : download)(model, flags, run), {
        goesOn: !flags.dryRun,
      }),
    );
  addOutputOptions(command);
}

async function showPlan(model: string, { source }: PullFlags, run: Run): Promise<object> {
  const { report, signal } = run;
  const { planPull } = await import('@lingbi/hub');
  const plan = await planPull(model, { source, signal });
  report.print(printPlan(plan));
  return plan;
}

async function download(model: string, { source }: PullFlags, run: Run): Promise<object> {
  const { report, signal } = run;
  using shown = showDownload(report);
  const { pull } = await import('@lingbi/hub');
  const { folder } = await pull(model, { source, signal, onProgress: shown.update });
  shown[Symbol.dispose]();
  report.print(`${folder}\n`);
  return { folder };
}

function printPlan({ files, missingBytes, bytes }: PullPlan): string {
  const lines = files.map(({ path, bytes, isCached }) => {
    return `${isCached ? 'cached ' : 'missing'} ${megabytes(bytes).padStart(10)}  ${path}\n`;
  });
  return [...lines, `${megabytes(missingBytes)} of ${megabytes(bytes)} to download\n`].join('');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
