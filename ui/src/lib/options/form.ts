/**
 * The options of a conversion as a form: which fields stand in which part, what is
 * set there, in words. Knows no key by meaning but those that the table of columns
 * takes over; a key that core adds tomorrow shows up by itself.
 */
import type { OptionView } from '../contract/OptionView';
import type { Options } from '../tauri';

export type Part = 'reading' | 'table' | 'writing';

export const PARTS: { part: Part; title: string; unset: string }[] = [
  { part: 'reading', title: 'Reading', unset: 'as found in the file' },
  { part: 'table', title: 'Rows and names', unset: 'all of it, as it is' },
  { part: 'writing', title: 'Writing', unset: 'as the format has it' },
];

/** Asked where they matter and not in the form: columns in their table, rejects beside the rows themselves, a file's tables beside its name. */
const ELSEWHERE = ['select', 'rename.', 'type.', 'on_reject', 'table'];

export interface Section {
  part: Part;
  title: string;
  unset: string;
  fields: OptionView[];
}

/** The form's parts, those without a field left out. How a job is run is asked under writing. */
export function sections(options: OptionView[], elsewhere: readonly string[] = ELSEWHERE): Section[] {
  return PARTS.map(({ part, title, unset }) => ({
    part,
    title,
    unset,
    fields: options.filter((o) => !elsewhere.includes(o.key) && (o.group === part || (part === 'writing' && o.group === 'job'))),
  })).filter((s) => s.fields.length > 0);
}

/** What is set in a part, as a line under its title. */
export function summary(section: Section, set: Options): string {
  const said = section.fields.flatMap((f) =>
    f.per_column ? perColumn(set, f.key).map(([column, value]) => `${f.label} ${column}: ${shown(value)}`) : set[f.key] === undefined ? [] : [`${f.label}: ${shown(set[f.key]!)}`],
  );
  return said.length === 0 ? section.unset : said.join(' · ');
}

/** `rename.` and the like: column and value of each. */
export function perColumn(set: Options, prefix: string): [string, string][] {
  return Object.entries(set)
    .filter(([key]) => key.startsWith(prefix) && key.length > prefix.length)
    .map(([key, value]) => [key.slice(prefix.length), value]);
}

/** With `key` set; an empty text takes the choice back. */
export function withOption(set: Options, key: string, value: string | null): Options {
  const next = { ...set };
  if (value === null || value === '') delete next[key];
  else next[key] = value;
  return next;
}

/** `header=no`, as core says how else it could be. */
export function otherway(otherwise: string): [string, string] | null {
  const at = otherwise.indexOf('=');
  return at > 0 ? [otherwise.slice(0, at), otherwise.slice(at + 1)] : null;
}

/** Of `set`, what the formats at hand have a use for. Core refuses what it does not know. */
export function usable(set: Options, options: OptionView[]): Options {
  return Object.fromEntries(Object.entries(set).filter(([key]) => options.some((o) => (o.per_column ? key.startsWith(o.key) && key.length > o.key.length : o.key === key))));
}

const WORDS: Record<string, string> = { '\t': 'tab', ',': 'comma', ';': 'semicolon', '|': 'pipe', ' ': 'space', ':': 'colon', '.': 'point' };

/** A character by its name, where it has one that is easier to see. */
export function charName(text: string): string {
  return WORDS[text] ?? text;
}

function shown(value: string): string {
  const said = WORDS[value] ?? value;
  return said.length > 28 ? `${said.slice(0, 27)}…` : said;
}

/** What one value of a choice means, where its own word says too little. */
const MEANINGS: Record<string, string> = {
  dmy: 'day, month, year',
  mdy: 'month, day, year',
  ymd: 'year, month, day',
  '.': 'point, as in 1.5',
  ',': 'comma, as in 1,5',
  lf: 'LF, as on Linux and Mac',
  crlf: 'CRLF, as on Windows',
  stooq_short: 'Stooq, short',
  stooq: 'Stooq',
};

export function choiceLabel(value: string): string {
  return MEANINGS[value] ?? value;
}

/** "day, month, year", of `date_order=dmy` said beside the words "date order"; with the option's name where it is another. */
export function otherLabel(what: string, otherwise: string): string {
  const other = otherway(otherwise);
  if (!other) return otherwise;
  const [key, value] = other;
  const name = key.replace(/\.(?=.)/, ' ').replaceAll('_', ' ');
  const said = /delimiter|quote|escape|^decimal$/.test(key) ? charName(value) : choiceLabel(value);
  return what.toLowerCase().startsWith(name) ? said : `${name}: ${said}`;
}
