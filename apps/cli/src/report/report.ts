import { jsonReport } from './json-report.ts';
import type { ShownProgress } from './show-progress.ts';
import { terminalReport } from './terminal-report.ts';

/** Something that happened; its type reads noun-verb. */
export interface ReportEvent {
  readonly type: string;
}

/** Where a command tells what happens: people read some of it, scripts another part. */
export interface Report {
  /** Whether the standard output belongs to a script. */
  readonly json: boolean;
  /** For scripts: a JSON object a line. */
  event<Event extends ReportEvent>(event: Event): void;
  /** For people: text on the standard output. */
  print(text: string): void;
  /** For people: what was done otherwise than asked. Scripts find it in events and results. */
  warn(message: string): void;
  /** For both: why nothing came of it. */
  fail(error: unknown): void;
  /** For people: a bar on the error output. */
  progress(what: string): ShownProgress;
  /** For people: a text being written, in one line of the error output that the next one replaces. */
  draft(text: string): void;
}

/** What every command can be told about its output. */
export interface OutputFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function createReport({ json = false, quiet = false }: OutputFlags = {}): Report {
  return json ? jsonReport() : terminalReport({ quiet });
}
