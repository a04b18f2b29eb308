import type { Report } from './report.ts';
import { showProgress, silentProgress } from './show-progress.ts';

/** Results go to the standard output; progress, warnings and errors to the error output. */
export function terminalReport({ quiet }: { readonly quiet: boolean }): Report {
  const draft = draftLine();
  const say = (line: string) => {
    draft.clear();
    console.error(line);
  };
  return {
    json: false,
    event: () => {},
    print(text) {
      draft.clear();
      process.stdout.write(text);
    },
    warn: (message) => say(`warning: ${message}`),
    fail: (error) => say(textOf(error)),
    progress: quiet ? () => silentProgress : showProgress,
    draft: quiet ? () => {} : draft.show,
  };
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return process.env['DEBUG'] ? (error.stack ?? error.message) : `${error.name}: ${error.message}`;
}

/** The end of a text, in as much of one line as the terminal has. */
function draftLine() {
  let shown = false;
  const show = (text: string) => {
    if (!process.stderr.isTTY) return;
    const room = (process.stderr.columns || 80) - 4;
    process.stderr.write(`\r\x1b[K… ${text.replaceAll(/\s+/g, ' ').slice(-room)}`);
    shown = true;
  };
  const clear = () => {
    if (shown) process.stderr.write('\r\x1b[K');
    shown = false;
  };
  return { show, clear };
}
