/** What `webpage`, `resume` and `screenshot` share. */
import type { GenerationSettings, Writer, webpage } from '@lingbi/tasks';
import { type Command, Option } from 'commander';
import { openPreview } from '../open-preview.ts';
import { addRecipeOptions, type RecipeFlags, tilingFor, withWriter } from '../recipe-options.ts';
import { showWriting } from '../report/show-writing.ts';
import type { Run } from '../run-command.ts';
import { writingSettings } from '../writing-options.ts';

export interface PageFlags extends RecipeFlags {
  readonly pictures: 'random' | 'placeholder' | 'keep';
  readonly open?: boolean;
  readonly scripts?: boolean;
}

export function addPageOptions(command: Command, pictures = { takesPictures: false }): Command {
  return addRecipeOptions(command, pictures)
    .optionsGroup('Page:')
    .option('--out <file>', 'where the page goes (default: a name that says which recipe made it)')
    .addOption(
      new Option('--pictures <kind>', 'what stands in for pictures that the page wants')
        .choices(['random', 'placeholder', 'keep'])
        .default('random'),
    )
    .option('--open', 'show the page in the browser, shut into a sandbox: it is the model’s')
    .option('--scripts', 'with --open: let the scripts of the page run in there');
}

/** The recipe, given its writer and options. */
type PageRecipe = (
  writer: Writer,
  options: webpage.WebPageOptions,
  images: readonly string[],
) => Promise<webpage.WebPage>;

/** Makes a page, writes it, says what is wrong with it, and shows it where asked to. */
export async function writePage(flags: PageFlags, run: Run, recipe: PageRecipe): Promise<object> {
  const { webpage } = await import('@lingbi/tasks');
  const page = await withWriter(flags, run, (writer) => makePage(writer, flags, run, recipe));
  const { html, reason, problems, warnings } = page;
  const file = flags.out ?? page.fileName;
  await webpage.savePage(page, file);
  for (const message of [...warnings, ...problemsOf(page)]) run.report.warn(message);
  run.report.print(`${file}\n`);
  const preview = flags.open && { preview: await openPreview(html, flags.scripts) };
  return { file, reason, problems, warnings, ...preview };
}

async function makePage(
  writer: Writer,
  flags: PageFlags,
  { report, signal }: Run,
  recipe: PageRecipe,
): Promise<webpage.WebPage> {
  const { image = [], pictures } = flags;
  const { webpage } = await import('@lingbi/tasks');
  const base = flags.beams === 1 ? webpage.webSettingsWithoutBeams : webpage.webSettings;
  const settings: GenerationSettings = { ...base, ...writingSettings(flags, base) };
  const tiling = await tilingFor(flags, image.length);
  using shown = showWriting(report);
  const options = { settings, pictures, ...tiling, signal, onEvent: shown.listen };
  return await recipe(writer, options, image);
}

/** What a browser forgives, in one line. */
function problemsOf({ reason, problems }: webpage.WebPage): string[] {
  const names = problems.map((problem) => {
    if (problem.type === 'unclosed-tag') return `<${problem.tag}> of line ${problem.line} is open`;
    return problem.type === 'markup' ? `${problem.code} in line ${problem.line}` : problem.type;
  });
  const cut = 'the page was cut off and closed: raise --max-new-tokens';
  const faults = `the page is not quite HTML: ${names.slice(0, 5).join(', ')}`;
  const more = names.length > 5 ? `, and ${names.length - 5} more` : '';
  return [...(reason === 'length' ? [cut] : []), ...(names.length > 0 ? [faults + more] : [])];
}
