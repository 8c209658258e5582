/** Widths and places of a grid's columns, and which of them are in view. All in pixels. */
import type { GridColumn } from '../contract/GridColumn';
import { columnType } from '../format';
import type { Row } from './rows.svelte';

/** Measured in the window's own face at 13 px: figures are all as wide as the widest. */
const CHAR = 7.4;
const FIGURE = 8.6;
const PAD = 25;
export const LEAST = 56;
const MOST_AT_FIRST = 320;
/** A number is never cut when it can be helped: 39 digits and a sign fit. */
const MOST_FIGURES = 372;
/** Beyond this a cell says no more at a glance; all of it is at the foot, and in the copy. */
const SHOWN = 300;

function wide(text: string): number {
  const figures = text.replace(/[^0-9]/g, '').length;
  return Math.ceil(figures * FIGURE + (text.length - figures) * CHAR) + PAD;
}

/** Wide enough for the head and for what the first rows hold. */
export function firstWidths(columns: GridColumn[], rows: Row[]): number[] {
  return columns.map((column, i) => {
    const head = Math.max(wide(column.name) + 34, Math.min(200, Math.ceil(columnType(column.type_name).length * 6.8) + PAD));
    const cells = rows.slice(0, 60).map((row) => wide((row[i] ?? 'null').slice(0, 80)));
    return Math.max(LEAST, Math.min(column.numeric ? MOST_FIGURES : MOST_AT_FIRST, Math.max(head, ...cells)));
  });
}

/** As wide as the column's longest value among `rows` needs, within reason. */
export function fittingWidth(column: GridColumn, at: number, rows: Row[]): number {
  const longest = Math.max(wide(column.name) + 18, ...rows.map((row) => wide(row[at] ?? 'null')));
  return Math.max(LEAST, Math.min(900, longest));
}

/** Where each column begins, and at the end where the last one ends. */
export function offsets(widths: number[]): number[] {
  const out = [0];
  for (const width of widths) out.push(out[out.length - 1]! + width);
  return out;
}

/** First and last column within [left, left + room), by halving: there may be ten thousand. */
export function columnSpan(starts: number[], left: number, room: number, over = 1): { first: number; last: number } {
  const count = starts.length - 1;
  if (count <= 0) return { first: 0, last: -1 };
  const at = (x: number): number => {
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= x) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  return { first: Math.max(0, at(left) - over), last: Math.min(count - 1, at(Math.max(left, left + room - 1)) + over) };
}

/** A value on one line: breaks and tabs shown as signs, the rest cut. */
export function shownText(value: string): string {
  const cut = value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value;
  return /[\n\r\t]/.test(cut) ? cut.replace(/\r\n|[\n\r]/g, '⏎').replaceAll('\t', '⇥') : cut;
}

/** Digits of the largest row number, for the gutter. */
export function gutterWidth(rows: number): number {
  return Math.max(56, String(Math.max(1, rows)).length * 8 + Math.floor((String(rows).length - 1) / 3) * 4 + 28);
}
