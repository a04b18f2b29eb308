import { createRequire } from 'node:module';
import { Command } from 'commander';
import { addArticleCommand } from './commands/article.ts';
import { addBenchCommand } from './commands/bench.ts';
import { addCaptionCommand } from './commands/caption.ts';
import { addChatCommand } from './commands/chat.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addConvertCommand } from './commands/convert.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addHelpCommand } from './commands/help.ts';
import { addParityCommand } from './commands/parity.ts';
import { addPlanCommand } from './commands/plan.ts';
import { addPullCommand } from './commands/pull.ts';
import { addResumeCommand } from './commands/resume.ts';
import { addScreenshotCommand } from './commands/screenshot.ts';
import { addSynthCommand } from './commands/synth.ts';
import { addWebpageCommand } from './commands/webpage.ts';

const manifest = createRequire(import.meta.url)('../package.json') as { version: string };

const examples = `
Examples:
  lingbi chat --model internlm/internlm-xcomposer2d5-7b --image poster.jpg "What is written here?"
  lingbi pull internlm/internlm-xcomposer2d5-7b
  lingbi doctor

To have the shell complete its words: lingbi help completion.
Exit codes, --json and variables: lingbi help exit-codes, json, environment.`;

/** The whole command line. Its errors are thrown, so that `main` chooses the exit code. */
export function createProgram(): Command {
  const program = new Command('lingbi')
    .description('InternLM-XComposer-2.5 on the command line')
    .version(manifest.version)
    .showHelpAfterError('(lingbi --help lists what there is)')
    .addHelpText('after', examples)
    .exitOverride();
  addChatCommand(program);
  addWebpageCommand(program);
  addResumeCommand(program);
  addScreenshotCommand(program);
  addArticleCommand(program);
  addCaptionCommand(program);
  addPlanCommand(program);
  addPullCommand(program);
  addConvertCommand(program);
  addDoctorCommand(program);
  addParityCommand(program);
  addSynthCommand(program);
  addBenchCommand(program);
  addCompletionCommand(program);
  addHelpCommand(program);
  return program;
}
