import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { article as articles } from '@lingbi/tasks';
import { type Command, InvalidArgumentError } from 'commander';
import { UsageError } from '../exit-codes.ts';
import { parseCount } from '../parse-value.ts';
import { addRecipeOptions, type RecipeFlags, tilingFor, withWriter } from '../recipe-options.ts';
import { showWriting } from '../report/show-writing.ts';
import { type Run, runCommand } from '../run-command.ts';
import { writingSettings } from '../writing-options.ts';

interface ArticleFlags extends RecipeFlags {
  readonly pictures?: string;
  readonly uploads?: boolean;
  readonly count?: number | 'auto';
  readonly meta?: boolean;
  readonly zip?: string;
}

const more = `
Examples:
  lingbi article --model internlm/internlm-xcomposer2d5-7b "A blog about French pastries"
  lingbi article --model internlm/internlm-xcomposer2d5-7b --pictures my-photos --out pastries "A blog about French pastries"
  lingbi article --model internlm/internlm-xcomposer2d5-7b --image a.jpg --image b.jpg --uploads --out trip "Our trip"

Without pictures the article is printed, or written to --out. With --pictures or --uploads, --out is a
folder: article.md, article.html, and the pictures; the model says where they go and chooses among those
found. The same command goes on where an earlier one was stopped.`;

export function addArticleCommand(program: Command): void {
  const command = program
    .command('article')
    .description('write an article, with pictures where some are given')
    .argument('<instruction>', 'what the article is about')
    .addHelpText('after', more)
    .action((instruction: string, flags: ArticleFlags) =>
      runCommand(
        flags,
        (run) =>
          isIllustrated(flags)
            ? compose(instruction, flags, run)
            : writeText(instruction, flags, run),
        { goesOn: flags.pictures !== undefined || flags.uploads === true },
      ),
    );
  addRecipeOptions(command)
    .optionsGroup('Article:')
    .option('--out <path>', 'a file for the text; with pictures a folder')
    .option('--pictures <place>', 'where pictures are found: a folder, or the URL of a service')
    .option('--uploads', 'place the pictures of --image in the article')
    .option('--count <number>', 'how many pictures (default: the model decides)', parsePictureCount)
    .option('--meta', 'add the system text that articles were trained with')
    .option('--zip <file>', 'also write text and pictures as a zip file');
}

function parsePictureCount(text: string): number | 'auto' {
  if (text === 'auto') return text;
  const count = parseCount(text);
  if (count <= MOST_PICTURES) return count;
  throw new InvalidArgumentError(`It must be "auto" or at most ${MOST_PICTURES}.`);
}

/** Sections of an article, at most (spec RECIPES §4.1); each can have one picture. */
const MOST_PICTURES = 60;

/** Says whether pictures are wanted. @throws UsageError for options that would be ignored. */
function isIllustrated({ pictures, uploads, image, count, zip }: ArticleFlags): boolean {
  const refuse = (problem: string): never => {
    throw new UsageError(problem);
  };
  if (pictures !== undefined && uploads) refuse('Take --pictures or --uploads, not both');
  if (uploads && !image) refuse('--uploads places the pictures of --image: give some');
  if (pictures !== undefined && image) refuse('Say --uploads to place the pictures of --image');
  if (pictures !== undefined || uploads) return true;
  if (count !== undefined || zip !== undefined) {
    const option = count === undefined ? 'zip' : 'count';
    refuse(`--${option} is about pictures: say with --pictures or --uploads where they come from`);
  }
  return false;
}

async function writeText(instruction: string, flags: ArticleFlags, run: Run): Promise<object> {
  const { article } = await import('@lingbi/tasks');
  const { image = [], meta = false, out } = flags;
  const { report, signal } = run;
  const settings = writingSettings(flags, article.writeSettings);
  const tiling = await tilingFor(flags, image.length);
  const written = await withWriter(flags, run, async (writer) => {
    using shown = showWriting(report, { stream: out === undefined });
    const options = { settings, images: image, ...tiling, meta, signal, onEvent: shown.listen };
    return await article.write(writer, instruction, options);
  });
  for (const message of written.warnings) report.warn(message);
  if (out === undefined) report.print('\n');
  else await writeFile(out, `${written.text}\n`);
  if (out !== undefined) report.print(`${out}\n`);
  return { ...written, ...(out !== undefined && { file: out }) };
}

async function compose(instruction: string, flags: ArticleFlags, run: Run): Promise<object> {
  const { article } = await import('@lingbi/tasks');
  const { out: folder, zip } = flags;
  if (folder === undefined) {
    throw new UsageError('An article with pictures needs a folder: give it as --out');
  }
  const composed = await withWriter(flags, run, async (writer) => {
    using shown = showWriting(run.report);
    const options = await composeOptions(instruction, folder, flags);
    return await article.compose(writer, { ...options, signal: run.signal, onEvent: shown.listen });
  });
  await writeFile(join(folder, 'article.md'), article.articleMarkdown(composed));
  await writeFile(join(folder, 'article.html'), article.articleHtml(composed));
  if (zip !== undefined) await article.saveZip(composed, folder, zip);
  for (const message of composed.warnings) run.report.warn(message);
  run.report.print(`${join(folder, 'article.html')}\n`);
  return { folder, ...(zip !== undefined && { zip }), ...composed };
}

async function composeOptions(
  instruction: string,
  folder: string,
  flags: ArticleFlags,
): Promise<articles.ComposeOptions> {
  const { image = [], uploads, pictures, count, meta = false, seed } = flags;
  const prompts = await promptsFor(flags);
  const images = pictures === undefined ? undefined : await sourceAt(pictures);
  return {
    ...{ instruction, folder, meta, prompts },
    settings: stepSettings(flags, prompts.settings),
    ...(count !== undefined && { pictures: count }),
    ...(images && { images }),
    ...(uploads && { uploads: image }),
    ...(seed !== undefined && { seed }),
  };
}

async function sourceAt(place: string): Promise<articles.ImageSource> {
  const { article } = await import('@lingbi/tasks');
  return /^https?:/.test(place) ? article.httpImages(place) : article.folderImages(place);
}

/** What this model is asked, with as many tiles as were asked for. */
async function promptsFor({ hdNum }: ArticleFlags): Promise<articles.ArticlePrompts> {
  const { article } = await import('@lingbi/tasks');
  const prompts = article.xcomposer2d5Prompts;
  if (hdNum === undefined || prompts.tiling.kind !== 'hd') return prompts;
  return { ...prompts, tiling: { ...prompts.tiling, hdNum } };
}

/** `--max-new-tokens` bounds the article; the short answers about its pictures keep their own bounds. */
function stepSettings(
  { seed: _, maxNewTokens, ...flags }: ArticleFlags,
  own: articles.ArticlePrompts['settings'],
): articles.ComposeOptions['settings'] & object {
  const length = maxNewTokens !== undefined && { limit: { newTokens: maxNewTokens } };
  return {
    article: { ...writingSettings(flags, own.article), ...length },
    positions: writingSettings(flags, own.positions),
    caption: writingSettings(flags, own.caption),
    choice: writingSettings(flags, own.choice),
  };
}
