import type { PlannedModel } from '@lingbi/core';
import { type Command, Option } from 'commander';
import { chooseBackend } from '../backends.ts';
import { exitCodes, UsageError } from '../exit-codes.ts';
import {
  addModelOptions,
  addOutputOptions,
  addReadingOptions,
  type ModelFlags,
  type PictureFlags,
} from '../options.ts';
import { parseAnother, parseCount } from '../parse-value.ts';
import type { PlanResult } from '../plan/plan-result.ts';
import { type NamedMedia, plannedPicture, plannedVideo } from '../plan/planned-media.ts';
import type { OutputFlags } from '../report/report.ts';
import { showDownload } from '../report/show-download.ts';
import { type Run, runCommand } from '../run-command.ts';

interface PlanFlags extends ModelFlags, PictureFlags, OutputFlags {
  readonly video?: readonly string[];
  readonly adapter: 'base' | 'web' | 'write';
  readonly textTokens: number;
  readonly maxNewTokens: number;
  readonly beams: number;
  readonly memoryBudget?: string;
}

/** The system text of a chat takes 133 in the published vocabulary; the rest is a question. */
const DEFAULT_TEXT_TOKENS = 192;

const more = `
Examples:
  lingbi plan --model internlm-xcomposer2d5-7b --image 3840x2160 --memory-budget "16 GiB"
  lingbi plan --model ixc-int4 --image poster.jpg --beams 3 --max-new-tokens 512
  lingbi plan --model ixc-int4 --video 16@1280x720 --video race.mp4 --json

Only headers of the weights are read. (An id of the hub that is not in the cache is downloaded first.)
The largest settings are looked for up to --hd-num 64, --beams 16 and --max-new-tokens 262144.
Exit code 4 when the request does not fit.`;

export function addPlanCommand(program: Command): void {
  const command = program
    .command('plan')
    .description('say what a request takes, in tokens and memory, before anything is loaded')
    .addHelpText('after', more)
    .action((flags: PlanFlags) => runCommand(flags, (run) => plan(flags, run)));
  addModelOptions(command).addOption(
    new Option('--adapter <name>', 'task adapter')
      .choices(['base', 'web', 'write'])
      .default('base'),
  );
  addMediaOptions(command);
  addRequestOptions(command);
  addOutputOptions(command);
}

function addMediaOptions(command: Command): void {
  command
    .optionsGroup('Pictures:')
    .option('--image <file>', 'a picture, or its size as 3840x2160; again for more', parseAnother)
    .option(
      '--video <file>',
      'a video, or its frames and their size as 16@1280x720; again for more',
      parseAnother,
    );
  addReadingOptions(command);
}

function addRequestOptions(command: Command): void {
  command
    .optionsGroup('Request:')
    .option(
      '--text-tokens <count>',
      'tokens of all text, the system text among them',
      parseCount,
      DEFAULT_TEXT_TOKENS,
    )
    .option('--max-new-tokens <count>', 'how long an answer may get', parseCount, 1024)
    .option('--beams <count>', 'how many answers to follow side by side', parseCount, 1)
    .option(
      '--memory-budget <size>',
      'what the process may take in all, as "8 GiB" (default: what a model opened now may take)',
    );
}

async function plan(flags: PlanFlags, run: Run): Promise<PlanResult> {
  const memoryBudget = await budgetOf(flags);
  const media = await plannedMedia(flags, run);
  const model = await describeShownModel(flags, run);
  const { planResult } = await import('../plan/plan-result.ts');
  const result = planResult(model, { ...flags, media }, memoryBudget);
  const { printPlan } = await import('../plan/print-plan.ts');
  run.report.print(printPlan(result));
  if (!result.fits) process.exitCode = exitCodes.memory.code;
  return result;
}

async function budgetOf({ memoryBudget }: PlanFlags): Promise<number> {
  const { defaultBudget, parseBytes } = await import('@lingbi/tasks');
  if (memoryBudget === undefined) return Math.round(defaultBudget());
  try {
    return parseBytes(memoryBudget);
  } catch {
    throw new UsageError(
      `--memory-budget must be a size like "8 GiB", but it is "${memoryBudget}"`,
    );
  }
}

async function plannedMedia(
  { image = [], video = [], allowHost }: PlanFlags,
  { signal }: Run,
): Promise<NamedMedia[]> {
  const options = { signal, ...(allowHost && { web: { allow: allowHost } }) };
  const media: NamedMedia[] = [];
  for (const name of image) media.push(await plannedPicture(name, options));
  for (const name of video) media.push(await plannedVideo(name, options));
  return media;
}

async function describeShownModel(
  flags: PlanFlags,
  { report, signal }: Run,
): Promise<PlannedModel> {
  const { describeCheckpoint } = await import('@lingbi/tasks');
  const backend = await chooseBackend(flags);
  using downloading = showDownload(report);
  const onDownload = downloading.update;
  const { model, kv } = flags;
  return await describeCheckpoint(model, { backend, signal, onDownload, ...(kv && { kv }) });
}
