import { exitCodeOf } from './exit-codes.ts';
import { catchInterrupt, type InterruptOptions } from './interrupt.ts';
import { createReport, type OutputFlags, type Report } from './report/report.ts';

/** What a command works with. */
export interface Run {
  readonly report: Report;
  /** Aborted by Ctrl-C: hand it to everything that takes one. */
  readonly signal: AbortSignal;
}

/**
 * Does a command's work, tells how it ended, and sets the exit code. What `work` returns is what
 * scripts find in the last line, `{ "type": "done", … }`.
 */
export async function runCommand(
  flags: OutputFlags,
  work: (run: Run) => Promise<object | undefined>,
  options: InterruptOptions = {},
): Promise<void> {
  const report = createReport(flags);
  using interrupt = catchInterrupt(options);
  try {
    const result = await work({ report, signal: interrupt.signal });
    report.event({ type: 'done', ...result });
  } catch (error) {
    report.fail(error);
    process.exitCode = await exitCodeOf(error);
  }
}
