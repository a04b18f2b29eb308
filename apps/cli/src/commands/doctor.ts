import type { Command } from 'commander';
import type { Check } from '../doctor/check.ts';
import { exitCodes } from '../exit-codes.ts';
import { addOutputOptions, modelOption } from '../options.ts';
import type { OutputFlags } from '../report/report.ts';
import { type Run, runCommand } from '../run-command.ts';

const marks = { good: '✓', missing: '–', bad: '✗' } as const;

interface DoctorFlags extends OutputFlags {
  readonly model?: string;
}

const more = `
Examples:
  lingbi doctor
  lingbi doctor --model my-checkpoint

Nothing is downloaded: an id is looked up in the cache. Exit code 1 when something that every use needs is broken.`;

export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('what is installed, what is missing, and the line that fixes it')
    .addOption(
      modelOption(
        'also look at a checkpoint: its folder (of a converted one, every byte), or its id on the hub',
      ),
    )
    .addHelpText('after', more)
    .action((flags: DoctorFlags) => runCommand(flags, (run) => examine(flags, run)));
  addOutputOptions(command);
}

async function examine({ model }: DoctorFlags, run: Run): Promise<object> {
  const { checkInstallation } = await import('../doctor/check-installation.ts');
  const { report } = run;
  const checks = await checkInstallation(run, model);
  for (const check of checks) {
    report.event({ type: 'thing-checked', ...check });
    report.print(printCheck(check));
  }
  const bad = checks.filter(({ state }) => state === 'bad').length;
  if (bad > 0) process.exitCode = exitCodes.failed.code;
  return { bad };
}

function printCheck({ name, state, detail, fix }: Check): string {
  return `${marks[state]} ${name}: ${detail}\n${fix ? `    fix: ${fix}\n` : ''}`;
}
