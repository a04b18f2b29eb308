import type { Command, Option } from 'commander';

/** A command line as shells need to know it. */
export interface DescribedCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly DescribedOption[];
  /** The words that its first argument may be; none where that is a file or a text. */
  readonly words: readonly string[];
}

export interface DescribedOption {
  /** With its dashes. */
  readonly name: string;
  readonly description: string;
  /** What follows it. */
  readonly value: 'none' | 'text' | 'file' | readonly string[];
  /** Whether it may be given again. */
  readonly repeats: boolean;
}

export function describeProgram(program: Command): DescribedCommand[] {
  return program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: command.createHelp().visibleOptions(command).map(describeOption),
    words: wordsOf(command, program),
  }));
}

/** `help` takes names of commands; others say themselves what they take. */
function wordsOf(command: Command, program: Command): readonly string[] {
  if (command.name() === 'help') return program.commands.map((each) => each.name());
  return command.registeredArguments[0]?.argChoices ?? [];
}

function describeOption(option: Option): DescribedOption {
  const { long, short, description } = option;
  const repeats = option.description.includes('again for more');
  return { name: long ?? short!, description, value: whatFollows(option), repeats };
}

function whatFollows({ flags, argChoices }: Option): DescribedOption['value'] {
  const value = /[<[](.+?)[>\]]/.exec(flags)?.[1];
  if (value === undefined) return 'none';
  return argChoices ?? (/^(file|folder|path|model|place)/.test(value) ? 'file' : 'text');
}
