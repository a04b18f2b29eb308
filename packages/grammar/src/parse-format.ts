import type { Grammar } from '@mlc-ai/web-xgrammar';
import { checkClasses } from './check-classes.ts';
import { checkSchema } from './check-schema.ts';
import { GrammarError } from './errors.ts';
import { type Engine, loadEngine } from './load-engine.ts';
import type { ResponseFormat } from './response-format.ts';

/** Longer ones are a mistake, or an attempt to keep a server busy. */
const LONGEST = 64 * 1024;

/** Reads formats; all come out as grammars. */
export interface FormatParser {
  /** @throws GrammarError, UnsupportedSchemaError */
  parse(format: ResponseFormat): Promise<string>;
}

/** An engine that gave up over one format is left, and another one loaded for the next. */
export function createFormatParser(): FormatParser {
  let loading: Promise<Engine> | undefined;
  return {
    async parse(format) {
      loading ??= loadEngine();
      const engine = await loading;
      try {
        const grammar = await readFormat(format, engine);
        return grammar.toString();
      } catch (error) {
        if (error instanceof GrammarError) throw error;
        loading = undefined;
        throw new GrammarError(kinds[format.type], complaintOf(engine, error));
      }
    },
  };
}

const kinds = { json: 'JSON schema', regex: 'regular expression', grammar: 'grammar' } as const;

function readFormat(format: ResponseFormat, { module: { Grammar } }: Engine): Promise<Grammar> {
  switch (format.type) {
    case 'json': {
      const schema = JSON.stringify(checkSchema(format.schema ?? { type: 'object' }));
      return Grammar.fromJSONSchema(checkText('json', schema), false, -1);
    }
    case 'regex': {
      const pattern = checkText('regex', format.pattern);
      const tag = { type: 'structural_tag', format: { type: 'regex', pattern } } as const;
      return Grammar.fromStructuralTag(tag);
    }
    case 'grammar':
      return Grammar.fromEBNF(checkText('grammar', format.grammar), format.root ?? 'root');
    default: {
      const { type } = format satisfies never as { type: unknown };
      throw new TypeError(`responseFormat: type must be json, regex or grammar, but it is ${type}`);
    }
  }
}

function checkText(kind: keyof typeof kinds, text: unknown): string {
  if (typeof text !== 'string' || text === '') {
    throw new GrammarError(kinds[kind], `it must be a text, but it is ${JSON.stringify(text)}`);
  }
  if (kind !== 'json') checkClasses(kinds[kind], text);
  if (text.length <= LONGEST) return text;
  throw new GrammarError(kinds[kind], `it has ${text.length} characters, and may have ${LONGEST}`);
}

/** `[FATAL] file.cc:902: Check failed: (…) is false: what is wrong` → what is wrong. */
function complaintOf({ complaints }: Engine, error: unknown): string {
  const fatal = complaints.findLast((line) => line.startsWith('[FATAL]'));
  if (!fatal) return String(error);
  const said = fatal.replace(/^\[FATAL\] \S+?: /, '').replace(/^Check failed: .* is false: /, '');
  return said.trim().slice(0, 500);
}
