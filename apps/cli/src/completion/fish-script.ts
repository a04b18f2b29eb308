import type { DescribedCommand, DescribedOption } from './describe-program.ts';

export function fishScript(commands: readonly DescribedCommand[]): string {
  const lines = commands.flatMap((command) => [
    `complete -c lingbi -f -n __fish_use_subcommand -a ${command.name} -d ${quote(command.description)}`,
    ...command.options.map((option) => optionLine(command.name, option)),
    ...(command.words.length > 0 ? [wordsLine(command)] : []),
  ]);
  return `# fish completion for lingbi\n${lines.join('\n')}\n`;
}

function within(command: string): string {
  return `complete -c lingbi -n '__fish_seen_subcommand_from ${command}'`;
}

function wordsLine({ name, words }: DescribedCommand): string {
  return `${within(name)} -f -a '${words.join(' ')}'`;
}

function optionLine(command: string, { name, description, value }: DescribedOption): string {
  const line = `${within(command)} -l ${name.replace('--', '')} -d ${quote(description)}`;
  if (value === 'none') return line;
  if (value === 'file') return `${line} -r -F`;
  return value === 'text' ? `${line} -x` : `${line} -x -a '${value.join(' ')}'`;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
