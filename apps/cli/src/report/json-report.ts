import type { Report } from './report.ts';
import { silentProgress } from './show-progress.ts';

/** A JSON object a line on the standard output, and nothing else there; the last is `done` or `error`. */
export function jsonReport(): Report {
  const event: Report['event'] = (event) => console.log(JSON.stringify(event));
  return {
    json: true,
    event,
    print: () => {},
    warn: () => {},
    fail: (error) => event({ type: 'error', ...factsOf(error) }),
    progress: () => silentProgress,
    draft: () => {},
  };
}

/** Name, message and what else the error knows about itself. */
function factsOf(error: unknown): object {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message } = error;
  const facts = Object.entries(error).filter(([, value]) => isPlain(value));
  return { ...Object.fromEntries(facts), name, message };
}

function isPlain(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}
