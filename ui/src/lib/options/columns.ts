/**
 * The columns of the result as rows of a table: which of them, in which order, under
 * which name, as which type. Made from the source's columns and the options, and
 * turned back into `select`, `rename.` and `type.`. Nothing is set that is as it was.
 */
import type { ColumnProfileView } from '../contract/ColumnProfileView';
import type { Options } from '../tauri';
import { joinNames, splitNames } from './names';

export interface ColumnChoice {
  /** As the source has it. */
  source: string;
  on: boolean;
  /** As the result has it. */
  name: string;
  /** Asked for; empty: as found. */
  type: string;
}

/** The rows of the table: chosen columns in their order, then the others as they stand in the source. */
export function choicesOf(columns: Pick<ColumnProfileView, 'name'>[], set: Options): ColumnChoice[] {
  const names = columns.map((c) => c.name);
  const wanted = set.select === undefined ? names : splitNames(set.select).filter((n) => names.includes(n));
  const rest = names.filter((n) => !wanted.includes(n));
  const row = (on: boolean) => (source: string): ColumnChoice => ({ source, on, name: set[`rename.${source}`] ?? source, type: set[`type.${source}`] ?? '' });
  return [...wanted.map(row(true)), ...rest.map(row(false))];
}

/** `set` with what the table says about columns, and nothing else changed. */
export function settingsOf(rows: ColumnChoice[], columns: Pick<ColumnProfileView, 'name'>[], set: Options): Options {
  const next: Options = Object.fromEntries(Object.entries(set).filter(([key]) => key !== 'select' && !key.startsWith('rename.') && !key.startsWith('type.')));
  const on = rows.filter((r) => r.on).map((r) => r.source);
  const all = on.length === columns.length && columns.every((c, i) => c.name === on[i]);
  if (!all) next.select = joinNames(on);
  for (const row of rows) {
    if (row.name.trim() !== '' && row.name !== row.source) next[`rename.${row.source}`] = row.name;
    if (row.type !== '') next[`type.${row.source}`] = row.type;
  }
  return next;
}

/** The row at `from` taken to `to`; the others close up. */
export function moved(rows: ColumnChoice[], from: number, to: number): ColumnChoice[] {
  const next = [...rows];
  const [row] = next.splice(from, 1);
  if (row) next.splice(Math.min(Math.max(0, to), next.length), 0, row);
  return next;
}

/** Names that two columns of the result would share; core would refuse them. */
export function clashes(rows: ColumnChoice[]): string[] {
  const seen = new Map<string, number>();
  for (const row of rows) if (row.on) seen.set(row.name.toLowerCase(), (seen.get(row.name.toLowerCase()) ?? 0) + 1);
  return rows.filter((r) => r.on && (seen.get(r.name.toLowerCase()) ?? 0) > 1).map((r) => r.name);
}

/** Types that a column of text can be asked to be. */
export const TYPES: { value: string; label: string }[] = [
  { value: 'VARCHAR', label: 'text' },
  { value: 'BIGINT', label: 'integer' },
  { value: 'DOUBLE', label: 'number' },
  { value: 'DECIMAL(18,2)', label: 'decimal, 2 places' },
  { value: 'DECIMAL(18,4)', label: 'decimal, 4 places' },
  { value: 'DATE', label: 'date' },
  { value: 'TIMESTAMP', label: 'date and time' },
  { value: 'BOOLEAN', label: 'true or false' },
];
