import type { Command } from 'commander';
import { runCommand } from '../run-command.ts';
import { addPageOptions, type PageFlags, writePage } from './page.ts';

const more = `
Examples:
  lingbi resume --model internlm/internlm-xcomposer2d5-7b resume.md
  lingbi resume --model internlm/internlm-xcomposer2d5-7b --out me.html --open --scripts resume.md

The model writes the page, then JavaScript for it: two passes.`;

export function addResumeCommand(program: Command): void {
  const command = program
    .command('resume')
    .description('write a personal web page from a résumé')
    .argument('<file>', 'the résumé: Markdown or plain text in UTF-8')
    .addHelpText('after', more)
    .action((file: string, flags: PageFlags) =>
      runCommand(flags, (run) =>
        writePage(flags, run, async (writer, options, images) => {
          const { webpage } = await import('@lingbi/tasks');
          return webpage.fromResume(writer, file, { ...options, images });
        }),
      ),
    );
  addPageOptions(command);
}
