import type { Command } from 'commander';
import { runCommand } from '../run-command.ts';
import { addPageOptions, type PageFlags, writePage } from './page.ts';

const more = `
Examples:
  lingbi screenshot --model internlm/internlm-xcomposer2d5-7b shop.png
  lingbi screenshot --model internlm/internlm-xcomposer2d5-7b --out shop.html --open shop.png cart.png`;

export function addScreenshotCommand(program: Command): void {
  const command = program
    .command('screenshot')
    .description('write the web page that screenshots show')
    .argument('<pictures...>', 'the screenshots')
    .addHelpText('after', more)
    .action((pictures: string[], flags: PageFlags) => {
      const shown = { ...flags, image: pictures };
      return runCommand(flags, (run) =>
        writePage(shown, run, async (writer, options, images) => {
          const { webpage } = await import('@lingbi/tasks');
          return webpage.fromScreenshot(writer, images, options);
        }),
      );
    });
  addPageOptions(command, { takesPictures: true });
}
