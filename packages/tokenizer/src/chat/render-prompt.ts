import type { ParseSpecial, TextSpan } from '../encode/trusted-text.ts';
import type { ChatFamily } from './family.ts';
import { xcomposer2d5 } from './xcomposer2d5.ts';

/** A question that was asked and its answer. */
export interface ChatTurn {
  readonly query: string;
  readonly answer: string;
}

/** What is said in a chat. */
export interface ChatText {
  readonly query: string;
  /** Earlier turns, oldest first. */
  readonly history?: readonly ChatTurn[];
  /** System text; none when absent or empty. */
  readonly meta?: string;
  /**
   * What markers such as `</s>` inside query, history and meta mean; default `none`: they stay
   * ordinary text. `all` is what the reference does, where a user can forge turns.
   */
  readonly parseSpecial?: ParseSpecial;
}

/** A chat in the model's template; the query stands apart, since labels of images go before it. */
export interface RenderedPrompt {
  readonly before: readonly TextSpan[];
  readonly query: TextSpan;
  readonly after: readonly TextSpan[];
}

/** Puts a chat into the family's template (CHAT §2). Nothing is trimmed. */
export function renderPrompt(chat: ChatText, family: ChatFamily = xcomposer2d5): RenderedPrompt {
  const { turnStart, turnEnd, roles } = family;
  const content = (text: string): TextSpan => ({
    text,
    parseSpecial: chat.parseSpecial ?? 'none',
  });
  const system = template(`${turnStart}${roles.system}\n`);
  const user = template(`${turnStart}${roles.user}\n`);
  const assistant = template(`${turnEnd}\n${turnStart}${roles.assistant}\n`);
  const close = template(`${turnEnd}\n`);

  const meta = chat.meta ? [system, content(chat.meta), close] : [];
  const past = (chat.history ?? []).flatMap(({ query, answer }) => {
    return [user, content(query), assistant, content(answer), close];
  });
  return { before: [...meta, ...past, user], query: content(chat.query), after: [assistant] };
}

/** All spans of a rendered prompt, in order. */
export function promptSpans({ before, query, after }: RenderedPrompt): TextSpan[] {
  return [...before, query, ...after];
}

/** A span written by us, in which markers are markers. */
export function template(text: string): TextSpan {
  return { text, parseSpecial: 'all' };
}
