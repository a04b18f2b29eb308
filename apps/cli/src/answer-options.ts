/** Where an answer ends and what it looks like, as options of the command line. */
import { readFile } from 'node:fs/promises';
import type { JsonSchema, SayOptions } from '@lingbi/tasks';
import type { Command } from 'commander';
import { UsageError } from './exit-codes.ts';
import { parseAnother } from './parse-value.ts';

export interface AnswerFlags {
  readonly stop?: readonly string[];
  readonly schema?: string;
}

export function addAnswerOptions(command: Command): Command {
  return command
    .optionsGroup('Writing:')
    .option('--stop <text>', 'end the answer before this text; again for more', parseAnother)
    .option('--schema <file>', 'answer in JSON that fits this JSON schema; not with beams');
}

export async function answerOptions({
  stop,
  schema,
}: AnswerFlags): Promise<Pick<SayOptions, 'stop' | 'responseFormat'>> {
  return {
    ...(stop && { stop }),
    ...(schema !== undefined && {
      responseFormat: { type: 'json', schema: await readSchema(schema) },
    }),
  };
}

/** @throws UsageError when the file holds no object of JSON. */
async function readSchema(file: string): Promise<JsonSchema> {
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new UsageError(`--schema: cannot read ${file}: ${cause.message}`);
  });
  const schema = parsed(text);
  if (typeof schema === 'object' && schema !== null && !Array.isArray(schema)) {
    return schema as JsonSchema;
  }
  throw new UsageError(`--schema: ${file} holds no JSON schema: write one as a JSON object`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
