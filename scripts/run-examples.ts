// Runs the files it is given one after the other in this process, for loading the packages takes
// longer than most examples. Says what became of each on file descriptor 3, a line of JSON each.
import { writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

export interface Outcome {
  readonly file: string;
  readonly error?: string;
}

const files = process.argv.slice(2);
for (const file of files) report({ file, ...(await run(file)) });
process.exit(); // an example may leave a server or a timer behind

async function run(file: string): Promise<{ error?: string }> {
  console.log(`\n--- ${file}`);
  try {
    await import(pathToFileURL(file).href);
    return {};
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? String(error)) : String(error) };
  }
}

function report(outcome: Outcome): void {
  writeSync(3, `${JSON.stringify(outcome)}\n`);
}
