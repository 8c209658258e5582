import { afterEach, describe, expect, it, vi } from 'vitest';
import type { FileQuery } from '../contract/FileQuery';
import { DemoCatalog } from '../demo/catalog'; // eslint-disable-line no-restricted-imports
import { useTransport } from '../tauri';
import { BLOCK, FileList } from './file-list.svelte';
import { Selection, SELECT_MOST } from './selection.svelte';

afterEach(() => useTransport(null));

/** A shell that only lists files, and writes down what it was asked. */
function serve(count: number) {
  const catalog = new DemoCatalog(count, 0);
  const asked: FileQuery[] = [];
  let failing = false;
  useTransport({
    invoke: async (command, args) => {
      const query = args.query as FileQuery;
      if (command !== 'list_files') throw new Error(command);
      asked.push(query);
      if (failing) throw { code: 'store_busy', message: 'Busy.', hint: 'Wait.', retryable: true };
      return catalog.page(query);
    },
    listen: async () => () => {},
  });
  return { catalog, asked, fail: (on: boolean) => (failing = on) };
}

const settled = (list: FileList, index: number) => vi.waitFor(() => expect(list.at(index)).toBeDefined(), { interval: 2 });

describe('the file list', () => {
  it('fetches the block in view and no other', async () => {
    const { asked } = serve(1_000_000);
    const list = new FileList(false);
    list.want(0, 40);
    await settled(list, 0);
    expect(list.total).toBe(1_000_000);
    expect(asked.map((q) => q.offset)).toEqual([0]);
    list.want(999_950, 999_999);
    await settled(list, 999_999);
    expect(list.at(999_999)?.id).toBe(1);
    expect(asked.map((q) => q.offset)).toEqual([0, 999_800]);
    expect(asked.every((q) => q.limit === BLOCK)).toBe(true);
  });

  it('keeps a bounded number of blocks', async () => {
    serve(100_000);
    const list = new FileList(false);
    for (let row = 0; row < 100_000; row += 1000) {
      list.want(row, row + 30);
      await settled(list, row);
    }
    expect(list.at(0)).toBeUndefined();
    expect(list.at(99_000)).toBeDefined();
  });

  it('shows the old rows until the new query answers, and then only new ones', async () => {
    serve(3000);
    const list = new FileList(false);
    list.want(0, 40);
    await settled(list, 0);
    const first = list.at(0);
    list.turn({ type: 'parquet' });
    expect(list.at(0)).toEqual(first);
    expect(list.turning).toBe(true);
    await vi.waitFor(() => expect(list.turning).toBe(false));
    expect(list.at(0)?.file_type).toBe('parquet');
    expect(list.total).toBeLessThan(3000);
    expect(list.turns).toBe(1);
  });

  it('does not ask again for the query it has', async () => {
    const { asked } = serve(10);
    const list = new FileList(false);
    list.want(0, 10);
    await settled(list, 0);
    list.turn({ search: '  ' });
    expect(asked.length).toBe(1);
  });

  it('replaces rows in place when the catalog changed', async () => {
    const { catalog } = serve(500);
    const list = new FileList(false);
    list.want(0, 40);
    await settled(list, 0);
    const added = catalog.add('new.csv', 10);
    list.refresh();
    await vi.waitFor(() => expect(list.at(0)?.id).toBe(added.id));
    expect(list.total).toBe(501);
    expect(list.version).toBe(catalog.version);
  });

  it('drops an answer to a question it no longer has', async () => {
    serve(500);
    const list = new FileList(false);
    list.want(0, 40);
    list.clear();
    list.want(0, 40);
    await settled(list, 0);
    expect(list.phase).toBe('ready');
  });

  it('shows an error with its words, and recovers', async () => {
    const { fail } = serve(5);
    fail(true);
    const list = new FileList(false);
    list.want(0, 40);
    await vi.waitFor(() => expect(list.phase).toBe('error'));
    expect(list.error?.message).toBe('Busy.');
    fail(false);
    list.reload();
    await settled(list, 0);
    expect(list.phase).toBe('ready');
  });
});

describe('the selection', () => {
  it('takes a range across blocks that were never in view', async () => {
    serve(5000);
    const list = new FileList(false);
    const selection = new Selection(list);
    list.want(0, 40);
    await settled(list, 0);
    selection.only(10);
    await selection.extend(1500);
    expect(selection.count).toBe(1491);
    expect(selection.ids[0]).toBe(4990);
    expect(selection.ids.at(-1)).toBe(3500);
  });

  it('takes all, up to ten thousand, and says when that is not all', async () => {
    serve(25_000);
    const list = new FileList(false);
    const selection = new Selection(list);
    list.want(0, 40);
    await settled(list, 0);
    await selection.all();
    expect(selection.count).toBe(SELECT_MOST);
    expect(selection.limit).toContain('Only the first 10,000 are selected; the other 15,000 are not');
    selection.clear();
    expect(selection.limit).toBe('');
  });

  it('forgets a range that was overtaken by a click', async () => {
    serve(5000);
    const list = new FileList(false);
    const selection = new Selection(list);
    list.want(0, 40);
    await settled(list, 0);
    selection.only(0);
    const slow = selection.extend(4000);
    selection.only(3);
    await slow;
    expect(selection.count).toBe(1);
  });

  it('selects what the cursor stands on once it is loaded', async () => {
    serve(5000);
    const list = new FileList(false);
    const selection = new Selection(list);
    list.want(0, 40);
    await settled(list, 0);
    selection.only(4999);
    expect(selection.pending).toBe(4999);
    list.want(4990, 4999);
    await settled(list, 4999);
    selection.settle(list.at(4999)!);
    expect(selection.ids).toEqual([1]);
  });
});
