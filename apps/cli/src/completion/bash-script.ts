import type { DescribedCommand, DescribedOption } from './describe-program.ts';

/** Options where a word begins with a dash, choices after those that have some, files elsewhere. */
export function bashScript(commands: readonly DescribedCommand[]): string {
  return `# bash completion for lingbi
_lingbi() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" options= words=
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='${commands.map(({ name }) => name).join(' ')}'
  else
    case "\${COMP_WORDS[1]}" in
${commands.map(commandCase).join('\n')}
    esac
  fi
  COMPREPLY=()
  [[ $word == -* ]] && words="$options"
  [ -n "$words" ] && COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _lingbi lingbi
`;
}

function commandCase({ name, options, words }: DescribedCommand): string {
  const choices = options.filter(({ value }) => typeof value === 'object').map(choiceCase);
  return `      ${name})
        options='${options.map((option) => option.name).join(' ')}'
        case "$before" in
${[...choices, `          *) words='${words.join(' ')}' ;;`].join('\n')}
        esac ;;`;
}

function choiceCase({ name, value }: DescribedOption): string {
  return `          ${name}) words='${(value as readonly string[]).join(' ')}' ;;`;
}
