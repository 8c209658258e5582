import { describe, expect, it } from 'vitest';
import type { GridColumn } from '../contract/GridColumn';
import { filterOf, filterWords, opsFor, withFilter, without } from './filters';
import { columnSpan, firstWidths, gutterWidth, LEAST, offsets, shownText } from './layout';
import { holds, rectOf, rowNumber, stepOf, toText } from './selection';

const column = (name: string, type_name: string, numeric: boolean): GridColumn => ({ name, type_name, numeric });

describe('columns of a grid', () => {
  it('are found by where they are, first and last included', () => {
    const starts = offsets([100, 50, 200, 80]);
    expect(starts).toEqual([0, 100, 150, 350, 430]);
    expect(columnSpan(starts, 0, 120, 0)).toEqual({ first: 0, last: 1 });
    expect(columnSpan(starts, 100, 50, 0)).toEqual({ first: 1, last: 1 });
    expect(columnSpan(starts, 349, 2, 0)).toEqual({ first: 2, last: 3 });
    expect(columnSpan(starts, 0, 5_000, 3)).toEqual({ first: 0, last: 3 });
    expect(columnSpan([0], 0, 100)).toEqual({ first: 0, last: -1 });
  });

  it('are found among ten thousand as among few', () => {
    const starts = offsets(Array.from({ length: 10_000 }, () => 120));
    expect(columnSpan(starts, 600_000, 1_200, 0)).toEqual({ first: 5_000, last: 5_009 });
  });

  it('begin wide enough for a 64-bit integer and never narrower than a hand can grab', () => {
    const [id, flag] = firstWidths([column('id', 'BIGINT', true), column('f', 'BOOLEAN', false)], [['-9223372036854775808', null]]);
    expect(id).toBeGreaterThan(19 * 8.4);
    expect(flag).toBeGreaterThanOrEqual(LEAST);
    expect(gutterWidth(50_000_000)).toBeGreaterThan(gutterWidth(999));
  });

  it('show breaks as signs and cut a field of megabytes', () => {
    expect(shownText('a\r\nb\tc\nd')).toBe('a⏎b⇥c⏎d');
    expect(shownText('x'.repeat(3_000_000)).length).toBeLessThan(400);
    expect(shownText('007')).toBe('007');
  });
});

describe('a selection', () => {
  it('is a rectangle whichever way it was drawn', () => {
    const rect = rectOf({ row: 9, column: 1 }, { row: 4, column: 3 });
    expect(rect).toEqual({ top: 4, bottom: 9, left: 1, right: 3 });
    expect(holds(rect, 4, 3)).toBe(true);
    expect(holds(rect, 3, 3)).toBe(false);
  });

  it('copies values as they are: one alone untouched, several for a spreadsheet', () => {
    expect(toText([['9007199254740993', 'a\tb']], 1, 1)).toBe('a\tb');
    expect(toText([['007', null, 'x "y"'], ['1.10', '', 'z']], 0, 2)).toBe('007\t\t"x ""y"""\n1.10\t\tz');
  });

  it('goes where the keys lead and no further', () => {
    const from = { row: 5, column: 2 };
    const step = (key: string, ctrl = false) => stepOf(key, ctrl, from, 50_000_000, 10, 20);
    expect(step('ArrowDown')).toEqual({ row: 6, column: 2 });
    expect(step('ArrowDown', true)).toEqual({ row: 49_999_999, column: 2 });
    expect(step('PageUp')).toEqual({ row: 0, column: 2 });
    expect(step('End')).toEqual({ row: 5, column: 9 });
    expect(step('End', true)).toEqual({ row: 49_999_999, column: 9 });
    expect(step('Home', true)).toEqual({ row: 0, column: 0 });
    expect(step('x')).toBeNull();
  });

  it('takes a row number as people write it', () => {
    expect(rowNumber('49,999,999')).toBe(49_999_999);
    expect(rowNumber(' 1 204 ')).toBe(1_204);
    expect(rowNumber('0')).toBeNull();
    expect(rowNumber('-3')).toBeNull();
    expect(rowNumber('ten')).toBeNull();
  });
});

describe('filters', () => {
  it('ask what a column can answer', () => {
    const ops = (type: string, numeric: boolean) => opsFor({ type_name: type, numeric }).map((o) => o.op);
    expect(ops('VARCHAR', false)[0]).toBe('contains');
    expect(ops('BIGINT', true)).toContain('between');
    expect(ops('TIMESTAMP WITH TIME ZONE', false)).toContain('more');
    expect(ops('BOOLEAN', false)).toEqual(['is', 'is_not', 'null', 'not_null']);
  });

  it('are made once all they need is there; empty text is a value, of `is` alone', () => {
    expect(filterOf('a', 'more', '', '')).toBeNull();
    expect(filterOf('a', 'between', '1', '')).toBeNull();
    expect(filterOf('a', 'between', '1', '2')).toEqual({ column: 'a', op: 'between', value: '1', value2: '2' });
    expect(filterOf('a', 'is', '', '')).toEqual({ column: 'a', op: 'is', value: '', value2: null });
    expect(filterOf('a', 'null', 'left over', '')).toEqual({ column: 'a', op: 'null', value: null, value2: null });
  });

  it('say themselves in words', () => {
    expect(filterWords({ column: 'price', op: 'more', value: '100', value2: null }, true)).toBe('price more than 100');
    expect(filterWords({ column: 'note', op: 'contains', value: 'late', value2: null }, false)).toBe('note contains “late”');
    expect(filterWords({ column: 'venue', op: 'is', value: '', value2: null }, false)).toBe('venue is empty text');
    expect(filterWords({ column: 'd', op: 'between', value: '1', value2: '2' }, true)).toBe('d between 1 and 2');
    expect(filterWords({ column: 'zip', op: 'null', value: null, value2: null }, false)).toBe('zip is null');
  });

  it('are one for a column', () => {
    const one = { column: 'a', op: 'is', value: '1', value2: null };
    const list = withFilter(withFilter([], one), { ...one, value: '2' });
    expect(list).toHaveLength(1);
    expect(list[0]?.value).toBe('2');
    expect(without(list, 'a')).toEqual([]);
  });
});
