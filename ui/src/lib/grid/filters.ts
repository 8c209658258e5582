/** Filters of a grid in words, and which make sense for which column. */
import type { GridColumn } from '../contract/GridColumn';
import type { GridFilter } from '../contract/GridFilter';

interface Op {
  op: string;
  label: string;
  /** How many values it takes. */
  takes: 0 | 1 | 2;
}

const ALL: Record<string, Op> = Object.fromEntries(
  (
    [
      { op: 'is', label: 'is', takes: 1 },
      { op: 'is_not', label: 'is not', takes: 1 },
      { op: 'contains', label: 'contains', takes: 1 },
      { op: 'starts', label: 'begins with', takes: 1 },
      { op: 'more', label: 'more than', takes: 1 },
      { op: 'less', label: 'less than', takes: 1 },
      { op: 'between', label: 'between', takes: 2 },
      { op: 'null', label: 'is null', takes: 0 },
      { op: 'not_null', label: 'is not null', takes: 0 },
    ] as Op[]
  ).map((o) => [o.op, o]),
);

const TEXT = ['contains', 'is', 'is_not', 'starts', 'null', 'not_null'];
const ORDERED = ['is', 'is_not', 'more', 'less', 'between', 'null', 'not_null'];
const FEW = ['is', 'is_not', 'null', 'not_null'];

/** What a column can be asked, the likeliest first. */
export function opsFor(column: Pick<GridColumn, 'type_name' | 'numeric'>): Op[] {
  const type = column.type_name.toUpperCase();
  const ops = type === 'BOOLEAN' ? FEW : column.numeric || /^(DATE|TIME)/.test(type) ? ORDERED : TEXT;
  return ops.map((o) => ALL[o]!);
}

export function takes(op: string): number {
  return ALL[op]?.takes ?? 1;
}

/** "price more than 100", "zip is null", "note contains “late”". */
export function filterWords(filter: GridFilter, numeric: boolean): string {
  const op = ALL[filter.op];
  const say = (value: string | null) => (value === '' ? 'empty text' : numeric ? (value ?? '') : `“${value ?? ''}”`);
  if (!op || op.takes === 0) return `${filter.column} ${op?.label ?? filter.op}`;
  if (op.takes === 2) return `${filter.column} between ${say(filter.value)} and ${say(filter.value2)}`;
  return `${filter.column} ${op.label} ${say(filter.value)}`;
}

/** The filters with this one in place of what the column had; one a column. */
export function withFilter(filters: GridFilter[], filter: GridFilter): GridFilter[] {
  return [...filters.filter((f) => f.column !== filter.column), filter];
}

export function without(filters: GridFilter[], column: string): GridFilter[] {
  return filters.filter((f) => f.column !== column);
}

/** A filter as typed; null where a value is still missing. An empty text is a value of `is` alone. */
export function filterOf(column: string, op: string, value: string, value2: string): GridFilter | null {
  const n = takes(op);
  if (n === 0) return { column, op, value: null, value2: null };
  if (value === '' && op !== 'is' && op !== 'is_not') return null;
  if (n === 2) return value2 === '' ? null : { column, op, value, value2 };
  return { column, op, value, value2: null };
}
