import type { Command } from 'commander';
import { type Check, checkInstallation } from '../doctor/check-installation.ts';

const marks = { good: '✓', missing: '–', bad: '✗' } as const;

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('what is installed, what is missing, and the line that fixes it')
    .option('--model <folder>', 'also look at a checkpoint')
    .option('--json', 'print a JSON object a line')
    .addHelpText('after', '\nExit code 1 when something that every use needs is broken.')
    .action(runDoctor);
}

async function runDoctor({ model, json }: { model?: string; json?: boolean }): Promise<void> {
  const checks = await checkInstallation(model);
  for (const check of checks) console.log(json ? JSON.stringify(check) : printCheck(check));
  if (checks.some(({ state }) => state === 'bad')) process.exitCode = 1;
}

function printCheck({ name, state, detail, fix }: Check): string {
  return `${marks[state]} ${name}: ${detail}${fix ? `\n    fix: ${fix}` : ''}`;
}
