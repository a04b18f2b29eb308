import type { DescribedCommand, DescribedOption } from './describe-program.ts';

/** Works as a file of `fpath` and where it is sourced after compinit. */
export function zshScript(commands: readonly DescribedCommand[]): string {
  const names = commands.map(({ name, description }) => quote(`${name}:${description}`));
  return `#compdef lingbi
_lingbi() {
  local -a commands
  commands=(
    ${names.join('\n    ')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${commands.map(commandCase).join('\n')}
  esac
}
compdef _lingbi lingbi
`;
}

function commandCase({ name, options, words }: DescribedCommand): string {
  const rest = words.length > 0 ? `1:word:(${words.join(' ')})` : '*:file:_files';
  const specs = [...options.map(optionSpec), rest].map(quote);
  return `    ${name}) _arguments ${specs.join(' \\\n      ')} ;;`;
}

function optionSpec({ name, description, value, repeats }: DescribedOption): string {
  const head = `${repeats ? '*' : ''}${name}[${description.replaceAll(/[[\]\\]/g, '\\$&')}]`;
  if (value === 'none') return head;
  if (value === 'file') return `${head}:file:_files`;
  return value === 'text' ? `${head}:value: ` : `${head}:value:(${value.join(' ')})`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
