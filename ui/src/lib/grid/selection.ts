/** A rectangle of cells, from where it began to where it is now; and its text. */
import type { Row } from './rows.svelte';

export interface Cell {
  row: number;
  column: number;
}

export interface Rect {
  top: number;
  bottom: number;
  left: number;
  right: number;
}

export const COPY_MOST_ROWS = 50_000;
export const COPY_MOST_CELLS = 500_000;

export function rectOf(a: Cell, b: Cell): Rect {
  return { top: Math.min(a.row, b.row), bottom: Math.max(a.row, b.row), left: Math.min(a.column, b.column), right: Math.max(a.column, b.column) };
}

export function holds(rect: Rect, row: number, column: number): boolean {
  return row >= rect.top && row <= rect.bottom && column >= rect.left && column <= rect.right;
}

export function sizeOf(rect: Rect): { rows: number; columns: number } {
  return { rows: rect.bottom - rect.top + 1, columns: rect.right - rect.left + 1 };
}

/** As spreadsheets take it: tabs between, a value with a tab, break or quote in quotes; null as nothing. */
export function toText(rows: Row[], left: number, right: number): string {
  const cell = (value: string | null | undefined) => (value === null || value === undefined ? '' : /["\t\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  // One value alone is copied as it is.
  if (rows.length === 1 && left === right) return rows[0]![left] ?? '';
  return rows.map((row) => row.slice(left, right + 1).map(cell).join('\t')).join('\n');
}

export type Step = { row: number; column: number } | null;

/** Where a key leads from a cell; null for a key that leads nowhere. */
export function stepOf(key: string, ctrl: boolean, from: Cell, rows: number, columns: number, page: number): Step {
  const last = { row: rows - 1, column: columns - 1 };
  const to = (row: number, column: number) => ({ row: Math.min(Math.max(0, row), last.row), column: Math.min(Math.max(0, column), last.column) });
  switch (key) {
    case 'ArrowDown':
      return ctrl ? to(last.row, from.column) : to(from.row + 1, from.column);
    case 'ArrowUp':
      return ctrl ? to(0, from.column) : to(from.row - 1, from.column);
    case 'ArrowRight':
      return ctrl ? to(from.row, last.column) : to(from.row, from.column + 1);
    case 'ArrowLeft':
      return ctrl ? to(from.row, 0) : to(from.row, from.column - 1);
    case 'PageDown':
      return to(from.row + page, from.column);
    case 'PageUp':
      return to(from.row - page, from.column);
    case 'Home':
      return ctrl ? to(0, 0) : to(from.row, 0);
    case 'End':
      return ctrl ? to(last.row, last.column) : to(from.row, last.column);
    default:
      return null;
  }
}

/** A row number as typed, from 1, with or without separators; null when it is none. */
export function rowNumber(text: string): number | null {
  const digits = text.replace(/[\s,._']/g, '');
  return /^\d{1,15}$/.test(digits) && Number(digits) > 0 ? Number(digits) : null;
}
