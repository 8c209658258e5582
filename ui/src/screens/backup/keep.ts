/** Keep rules as a form: four numbers, each a rule of its own; and the rule by which files leave this machine. */
import type { FreeRule } from '../../lib/contract/FreeRule';
import type { KeepRules } from '../../lib/contract/KeepRules';

export type RuleKey = keyof KeepRules;

export const RULES: { key: RuleKey; label: string; text: string }[] = [
  { key: 'last', label: 'Newest', text: 'whenever made' },
  { key: 'daily', label: 'Daily', text: 'one for each day' },
  { key: 'weekly', label: 'Weekly', text: 'one for each week' },
  { key: 'monthly', label: 'Monthly', text: 'one for each month' },
];

/** What is offered before anything was chosen: dense now, a year back. */
export const SUGGESTED: KeepRules = { last: 10, daily: 14, weekly: 8, monthly: 12 };

export function typedRules(rules: KeepRules): Record<RuleKey, string> {
  return { last: String(rules.last), daily: String(rules.daily), weekly: String(rules.weekly), monthly: String(rules.monthly) };
}

/** Null where one is no number, or where nothing at all would stay by them. */
export function asRules(typed: Record<RuleKey, string>): KeepRules | null {
  const number = (text: string) => (/^\s*\d{0,5}\s*$/.test(text) ? Number(text.trim() || '0') : NaN);
  const rules = { last: number(typed.last), daily: number(typed.daily), weekly: number(typed.weekly), monthly: number(typed.monthly) };
  const all = Object.values(rules);
  return all.some(Number.isNaN) || all.every((n) => n === 0) ? null : rules;
}

export function same(a: KeepRules, b: KeepRules | null): boolean {
  return b !== null && RULES.every(({ key }) => a[key] === b[key]);
}

/** What is offered before anything was chosen. */
export const SUGGESTED_FREE: FreeRule = { larger_than_bytes: 100_000_000, older_than_days: 90 };

export function typedFree(rule: FreeRule): { megabytes: string; days: string } {
  return { megabytes: String(rule.larger_than_bytes / 1_000_000), days: String(rule.older_than_days) };
}

/** Null where one is no number. */
export function asFreeRule(typed: { megabytes: string; days: string }): FreeRule | null {
  const megabytes = typed.megabytes.trim();
  const days = typed.days.trim();
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(megabytes) || !/^\d{1,5}$/.test(days)) return null;
  return { larger_than_bytes: Math.round(Number(megabytes) * 1_000_000), older_than_days: Number(days) };
}

export function sameFree(a: FreeRule, b: FreeRule | null): boolean {
  return b !== null && a.larger_than_bytes === b.larger_than_bytes && a.older_than_days === b.older_than_days;
}
