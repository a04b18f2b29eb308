import { isTrusted, type TrustedText } from './trusted-text.ts';

/** A spelling that becomes one id wherever a text of enough trust contains it. */
export interface Literal {
  readonly text: string;
  readonly id: number;
  /** Lowest `TRUST` number that may write it. */
  readonly trust: number;
}

/** Finds literals: at each place the longest one that the text is trusted to write. */
export interface LiteralFinder {
  /** The first match at or after `from`, in UTF-16 units. */
  find(text: TrustedText, from: number): { literal: Literal; start: number } | undefined;
}

export function createLiteralFinder(literals: readonly Literal[]): LiteralFinder {
  const byFirstUnit = groupByFirstUnit(literals);
  const longestAt = ({ text, trust }: TrustedText, start: number) =>
    byFirstUnit
      .get(text.charCodeAt(start))
      ?.find(
        (literal) =>
          text.startsWith(literal.text, start) &&
          isTrusted(trust, start, start + literal.text.length, literal.trust),
      );
  // Most text holds no literal: a set of first units lets the regular expression engine skip it.
  const candidates = new RegExp(firstUnitPattern([...byFirstUnit.keys()]), 'g');
  return {
    find(text, from) {
      candidates.lastIndex = from;
      for (let hit = candidates.exec(text.text); hit; hit = candidates.exec(text.text)) {
        const literal = longestAt(text, hit.index);
        if (literal) return { literal, start: hit.index };
      }
      return undefined;
    },
  };
}

function groupByFirstUnit(literals: readonly Literal[]): Map<number, Literal[]> {
  const groups = new Map<number, Literal[]>();
  for (const literal of literals) {
    const unit = literal.text.charCodeAt(0);
    groups.set(unit, [...(groups.get(unit) ?? []), literal]);
  }
  for (const group of groups.values()) group.sort((a, b) => b.text.length - a.text.length);
  return groups;
}

function firstUnitPattern(units: readonly number[]): string {
  const escaped = units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`);
  return `[${escaped.join('')}]`; // an empty class matches nothing
}
