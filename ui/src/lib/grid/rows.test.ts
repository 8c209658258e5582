import { afterEach, describe, expect, it, vi } from 'vitest';
import type { GridOpen } from '../contract/GridOpen';
import { useTransport } from '../tauri';
import { GridData } from './rows.svelte';
import { GridSession } from './session.svelte';

afterEach(() => useTransport(null));

const columns = [{ name: 'n', type_name: 'BIGINT', numeric: true }, { name: 't', type_name: 'VARCHAR', numeric: false }];
const opened = (more: Partial<GridOpen> = {}): GridOpen => ({ grid: 'g', columns, rows: 50_000_000, at_least: 50_000_000, sorted_by: null, filtered: false, ...more });

/** A shell with one grid of `whole` rows, that writes down what it was asked. */
function serve(whole: number, told = true) {
  const asked: number[] = [];
  const closed: string[] = [];
  let fail = false;
  let refined = 0;
  useTransport({
    invoke: async (command, args) => {
      await Promise.resolve();
      if (command === 'close_grid') return void closed.push(args.grid as string);
      if (command === 'open_grid') return opened({ rows: whole, at_least: whole });
      if (command === 'refine_grid') {
        if (fail) throw { code: 'bad_request', message: 'No.', hint: '', retryable: false };
        return opened({ grid: `r${++refined}`, rows: 7, at_least: 7, filtered: true });
      }
      const first = args.first as number;
      asked.push(first);
      if (fail) throw { code: 'unreadable', message: 'Gone.', hint: '', retryable: true };
      const rows = Array.from({ length: Math.max(0, Math.min(args.count as number, whole - first)) }, (_, i) => [String(first + i), null]);
      return { first, rows, total: told ? whole : null };
    },
    listen: async () => () => {},
  });
  return { asked, closed, fail: (on: boolean) => (fail = on) };
}

const here = (data: GridData, row: number) => vi.waitFor(() => expect(data.at(row)).toBeDefined(), { interval: 2 });

describe('the rows of a grid', () => {
  it('fetches the block in view, at either end of 50,000,000', async () => {
    const { asked } = serve(50_000_000);
    const data = new GridData(opened());
    data.want(0, 30);
    await here(data, 0);
    expect(asked).toEqual([0]);
    data.want(49_999_980, 49_999_999);
    await here(data, 49_999_999);
    expect(data.at(49_999_999)).toEqual(['49999999', null]);
    expect(asked.length).toBeLessThanOrEqual(3);
  });

  it('never asks for what has scrolled past', async () => {
    const { asked } = serve(50_000_000);
    const data = new GridData(opened());
    for (let i = 0; i < 200; i += 1) data.want(i * 100_000, i * 100_000 + 30);
    await here(data, 199 * 100_000);
    expect(asked.length).toBeLessThanOrEqual(4);
  });

  it('keeps a few blocks and no more', async () => {
    serve(50_000_000);
    const data = new GridData(opened());
    for (let i = 0; i < 60; i += 1) {
      data.want(i * 1_000, i * 1_000 + 20);
      await here(data, i * 1_000);
    }
    expect(data.at(0)).toBeUndefined();
    expect(data.at(59_000)).toBeDefined();
  });

  it('moves the end on while nobody knows how many there are, and stops at the last', async () => {
    serve(1_000, false);
    const data = new GridData(opened({ rows: null, at_least: 100 }));
    expect(data.exact).toBe(false);
    data.want(0, 99);
    await here(data, 99);
    expect(data.count).toBeGreaterThan(256);
    for (let top = 256; !data.exact && top < 4_000; top += 256) {
      data.want(top, top + 30);
      await new Promise((done) => setTimeout(done, 60));
    }
    expect(data.count).toBe(1_000);
  });

  it('says what went wrong, and goes on when asked again', async () => {
    const { fail } = serve(1_000);
    fail(true);
    const data = new GridData(opened({ rows: 1_000, at_least: 1_000 }));
    data.want(0, 20);
    await vi.waitFor(() => expect(data.error?.message).toBe('Gone.'), { interval: 2 });
    fail(false);
    data.retry();
    await here(data, 0);
    expect(data.error).toBeNull();
  });

  it('collects more than a block for a copy', async () => {
    serve(100_000);
    const data = new GridData(opened({ rows: 100_000, at_least: 100_000 }));
    const rows = await data.collect(10, 5_000);
    expect(rows).toHaveLength(5_000);
    expect(rows[0]?.[0]).toBe('10');
    expect(rows[4_999]?.[0]).toBe('5009');
  });
});

describe('a grid that is filtered and sorted', () => {
  it('closes each handle behind it, the first one last', async () => {
    const { closed } = serve(1_000);
    const session = new GridSession();
    await session.open({ table: 'prices' });
    await session.filter([{ column: 'n', op: 'is', value: '1', value2: null }]);
    expect(session.data?.count).toBe(7);
    await session.order({ column: 'n', descending: true });
    await vi.waitFor(() => expect(closed).toEqual(['r1']));
    session.close();
    await vi.waitFor(() => expect(closed).toEqual(['r1', 'r2', 'g']));
  });

  it('goes back to all rows without asking', async () => {
    const { closed } = serve(1_000);
    const session = new GridSession();
    await session.open({ file: 3 });
    await session.filter([{ column: 'n', op: 'null', value: null, value2: null }]);
    await session.filter([]);
    expect(session.data?.count).toBe(1_000);
    await vi.waitFor(() => expect(closed).toEqual(['r1']));
  });

  it('stays as it was when a filter is refused', async () => {
    const { fail } = serve(1_000);
    const session = new GridSession();
    await session.open({ file: 3 });
    fail(true);
    await session.filter([{ column: 'n', op: 'less', value: 'x', value2: null }]);
    expect(session.refused?.message).toBe('No.');
    expect(session.filters).toEqual([]);
    expect(session.data?.count).toBe(1_000);
  });
});
