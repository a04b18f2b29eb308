import { writeFile } from 'node:fs/promises';
import type { VideoFrames, Writer } from '@lingbi/tasks';
import type { Command } from 'commander';
import { exitCodes, UsageError } from '../exit-codes.ts';
import { findPictures } from '../find-pictures.ts';
import { parsePositive } from '../parse-value.ts';
import { addRecipeOptions, type RecipeFlags, tilingFor, withWriter } from '../recipe-options.ts';
import { showWriting } from '../report/show-writing.ts';
import { type Run, runCommand } from '../run-command.ts';
import { writingSettings } from '../writing-options.ts';

interface CaptionFlags extends RecipeFlags {
  readonly video?: string;
  readonly sliding?: boolean;
  readonly every?: number;
  readonly prompt?: string;
}

/** Where captions of pictures go unless told otherwise. */
const CAPTIONS_FILE = 'captions.jsonl';

const more = `
Examples:
  lingbi caption --model internlm/internlm-xcomposer2d5-7b --out captions.jsonl my-photos
  lingbi caption --model internlm/internlm-xcomposer2d5-7b a.jpg b.jpg
  lingbi caption --model internlm/internlm-xcomposer2d5-7b --video race.mp4 --sliding --every 5

Of pictures, --out gets a line of JSON each: "image" and "caption", or "error" (then the exit code is 1). The
same command goes on where an earlier one was stopped.`;

export function addCaptionCommand(program: Command): void {
  const command = program
    .command('caption')
    .description('describe pictures, many at a time, or a video')
    .argument('[pictures...]', 'files, or folders of them')
    .addHelpText('after', more)
    .action((places: string[], flags: CaptionFlags) =>
      runCommand(flags, (run) => caption(places, flags, run), {
        goesOn: flags.video === undefined,
      }),
    );
  addRecipeOptions(command, { takesPictures: true })
    .optionsGroup('Captions:')
    .option('--out <file>', `where captions go (of pictures, default: "${CAPTIONS_FILE}")`)
    .option('--prompt <text>', 'what is asked about each picture')
    .option('--video <file>', 'describe a video instead (needs ffmpeg)')
    .option('--sliding', 'of a video: frame after frame, then all in all')
    .option('--every <seconds>', 'of a video: between frames (default: 2)', parsePositive);
}

function caption(places: readonly string[], flags: CaptionFlags, run: Run): Promise<object> {
  const { video, sliding, every } = flags;
  if (video === undefined && (sliding || every !== undefined)) {
    throw new UsageError(
      `--${sliding ? 'sliding' : 'every'} is about a video: give one as --video`,
    );
  }
  if ((video === undefined) === (places.length === 0)) {
    throw new UsageError('Give pictures, folders of them, or one --video');
  }
  return video === undefined
    ? captionPictures(places, flags, run)
    : captionVideo(video, flags, run);
}

async function captionPictures(
  places: readonly string[],
  flags: CaptionFlags,
  run: Run,
): Promise<object> {
  const { captionImages, imageCaptionSettings } = await import('@lingbi/tasks');
  const { out: file = CAPTIONS_FILE, prompt } = flags;
  const { report, signal } = run;
  const images = await findPictures(places);
  if (images.length === 0) throw new UsageError(`There are no pictures in ${places.join(', ')}`);
  const settings = writingSettings(flags, imageCaptionSettings);
  const options = { file, settings, ...(await tilingFor(flags, 1)), signal };
  let done = 0;
  let failed = 0;
  await withWriter(flags, run, async (writer) => {
    using bar = report.progress('captioning');
    const lines = captionImages(writer, images, { ...options, ...(prompt && { prompt }) });
    for await (const line of lines) {
      report.event({ type: 'picture-captioned', ...line });
      bar.update(++done, images.length);
      if (line.error !== undefined) failed++;
      if (line.error !== undefined) report.warn(`${line.image}: ${line.error}`);
      for (const message of line.warnings ?? []) report.warn(`${line.image}: ${message}`);
    }
  });
  report.print(`${file}\n`);
  if (failed > 0) process.exitCode = exitCodes.failed.code;
  return { file, captioned: done - failed, failed };
}

async function captionVideo(video: string, flags: CaptionFlags, run: Run): Promise<object> {
  const { framesOfFile } = await import('@lingbi/tasks');
  const { allowHost, out, sliding } = flags;
  const frames = framesOfFile(video, allowHost && { web: { allow: allowHost } });
  const caption = await withWriter(flags, run, (writer) =>
    (sliding ? slide : lookOnce)(writer, frames, flags, run),
  );
  if (out !== undefined) await writeFile(out, `${caption}\n`);
  run.report.print(`${out ?? caption}\n`);
  return { caption, ...(out !== undefined && { file: out }) };
}

async function videoOptions(flags: CaptionFlags, { signal }: Run) {
  const { videoCaptionSettings } = await import('@lingbi/tasks');
  const { every: seconds } = flags;
  const settings = writingSettings(flags, videoCaptionSettings);
  const tiling = await tilingFor(flags, 1);
  return { settings, ...tiling, ...(seconds !== undefined && { seconds }), signal };
}

async function lookOnce(
  writer: Writer,
  frames: VideoFrames,
  flags: CaptionFlags,
  run: Run,
): Promise<string> {
  const { captionVideoFast } = await import('@lingbi/tasks');
  using shown = showWriting(run.report);
  const options = { ...(await videoOptions(flags, run)), onEvent: shown.listen };
  const { caption, warnings } = await captionVideoFast(writer, frames, options);
  for (const message of warnings) run.report.warn(message);
  return caption;
}

async function slide(
  writer: Writer,
  frames: VideoFrames,
  flags: CaptionFlags,
  run: Run,
): Promise<string> {
  const { captionVideoSliding } = await import('@lingbi/tasks');
  using shown = showWriting(run.report);
  const options = { ...(await videoOptions(flags, run)), onEvent: shown.listen };
  let summary = '';
  for await (const event of captionVideoSliding(writer, frames, options)) {
    run.report.event(event);
    if (event.type === 'summary') summary = event.caption;
    else run.report.print(`${event.seconds.toFixed(1)} s: ${event.caption}\n`);
  }
  return summary;
}
