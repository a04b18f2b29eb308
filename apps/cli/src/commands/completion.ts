import { Argument, type Command } from 'commander';
import { bashScript } from '../completion/bash-script.ts';
import { describeProgram } from '../completion/describe-program.ts';
import { fishScript } from '../completion/fish-script.ts';
import { zshScript } from '../completion/zsh-script.ts';

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

const more = `
Examples:
  lingbi completion bash >> ~/.bashrc
  lingbi completion zsh >> ~/.zshrc                                    (after compinit)
  lingbi completion fish > ~/.config/fish/completions/lingbi.fish`;

export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .description('print what makes a shell complete the words of lingbi')
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(scripts)))
    .addHelpText('after', more)
    .action((shell: keyof typeof scripts) => {
      process.stdout.write(scripts[shell](describeProgram(program)));
    });
}
