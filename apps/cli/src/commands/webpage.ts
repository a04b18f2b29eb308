import type { Command } from 'commander';
import { runCommand } from '../run-command.ts';
import { addPageOptions, type PageFlags, writePage } from './page.ts';

const more = `
Examples:
  lingbi webpage --model internlm/internlm-xcomposer2d5-7b --out lab.html "A website for research institutions"
  lingbi webpage --model internlm/internlm-xcomposer2d5-7b --image logo.png --seed 202 --open "A page for this brand"

Two beams are followed, as the model was tuned for; --beams 1 is faster and less sure to end.`;

export function addWebpageCommand(program: Command): void {
  const command = program
    .command('webpage')
    .description('write a web page from its description')
    .argument('<instruction>', 'what the page is about and how it looks')
    .addHelpText('after', more)
    .action((instruction: string, flags: PageFlags) =>
      runCommand(flags, (run) =>
        writePage(flags, run, async (writer, options, images) => {
          const { webpage } = await import('@lingbi/tasks');
          return webpage.fromInstruction(writer, instruction, { ...options, images });
        }),
      ),
    );
  addPageOptions(command);
}
