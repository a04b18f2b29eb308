import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.ts';

/** What can be read about lingbi besides its commands. */
const topics: Readonly<Record<string, () => string>> = {
  'exit-codes': exitCodesText,
  json: () => jsonText,
  environment: () => environmentText,
};

/** `lingbi help chat` is `lingbi chat --help`; `lingbi help exit-codes` and others are texts. */
export function addHelpCommand(program: Command): void {
  const names = Object.keys(topics);
  program
    .helpCommand(false)
    .command('help')
    .description(`show a command's options and examples, or a topic: ${names.join(', ')}`)
    .argument('[topic]', 'a command or topic')
    .action((topic?: string) => showHelp(program, topic));
}

function showHelp(program: Command, topic: string | undefined): void {
  const command = program.commands.find((command) => command.name() === topic);
  const text = topic === undefined ? undefined : topics[topic];
  if (text) process.stdout.write(text());
  else if (command) command.outputHelp();
  else if (topic === undefined) program.outputHelp();
  else
    program.error(`error: there is no command or topic "${topic}"`, {
      exitCode: exitCodes.usage.code,
    });
}

function exitCodesText(): string {
  const lines = Object.values(exitCodes).map(
    ({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}\n`,
  );
  return `Exit codes of every command:\n\n${lines.join('')}`;
}

const jsonText = `With --json every command prints a JSON object a line on the standard output, and nothing else there.

  Each has a "type". What a command tells while it works reads noun-verb: bytes-received, weights-loaded,
  video-progress, prompt-progress, text, warning. Types that you do not know can be skipped: there will be more.
  The last line is {"type":"done", …} with the result, or {"type":"error","name":…,"message":…}.
  The error output stays empty but for what no command said: pipe the standard output alone.

Example:
  lingbi pull internlm/internlm-xcomposer2d5-7b --json | tail -1      {"type":"done","folder":"/…"}
`;

const environmentText = `Variables that lingbi reads:

  LINGBI_MODEL      what --model is when it is not given
  HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE
                    the cache, address and token of Hugging Face, as its own libraries read them
  HTTPS_PROXY, HTTP_PROXY, NO_PROXY
                    the way to the network
  FFMPEG_PATH       the ffmpeg that reads videos
  BROWSER           what --open shows pages with, on Linux
  DEBUG             any value: errors show where they come from
`;
