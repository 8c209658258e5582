import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ConversionRequest } from '../../lib/contract/ConversionRequest';
import type { FileView } from '../../lib/contract/FileView';
import type { JobView } from '../../lib/contract/JobView';
import { plan } from '../../lib/demo/conversions'; // eslint-disable-line no-restricted-imports
import { FORMATS, optionsFor } from '../../lib/demo/formats'; // eslint-disable-line no-restricted-imports
import { announce } from '../../lib/state/bus';
import { useTransport } from '../../lib/tauri';
import { Work } from './work.svelte';

afterEach(() => useTransport(null));

const file = (id: number, filename: string, format: string): FileView => ({ id, filename, format, file_type: format, uid: '', relative_path: filename, original_filename: filename, size_bytes: 10, sha256: '', uploaded_at: '', status: 'stored', metadata: { rows: 5 } });

interface Asked {
  command: string;
  id: number;
  request: ConversionRequest;
}

function serve(files: FileView[]) {
  const asked: Asked[] = [];
  let job = 0;
  useTransport({
    invoke: async (command, args) => {
      await Promise.resolve();
      if (command === 'formats') return FORMATS;
      if (command === 'conversion_options') return optionsFor(args.from as string, args.to as string);
      const request = args.request as ConversionRequest;
      const id = (args.id as number) ?? 0;
      asked.push({ command, id, request });
      if (command === 'plan_conversion') return plan(files.find((f) => f.id === id)!, request);
      if (command === 'plan_merge') return plan(files[0]!, request);
      return `job-${Math.random()}-${++job}`;
    },
    listen: async () => () => {},
  });
  return { asked, of: (command: string) => asked.filter((a) => a.command === command) };
}

const end = (id: string) => announce({ type: 'job', value: { id, kind: 'convert', title: '', state: 'done', phase: '', bytes_done: 0, bytes_total: null, items_done: 0, items_total: null, rate: null, left: null, started_at: '', finished_at: '', can_cancel: false, elsewhere: false, error: null, result: null } satisfies JobView });
const until = (is: () => void) => vi.waitFor(is, { interval: 5, timeout: 2_000 });

describe('what is being converted', () => {
  it('becomes another format than it is, and is planned at once', async () => {
    const files = [file(1, 'a.parquet', 'parquet')];
    serve(files);
    const work = new Work();
    work.choose(files);
    await until(() => expect(work.items[0]?.plan).not.toBeNull());
    expect(work.to).not.toBe('parquet');
    expect(work.items[0]?.ready).toBe(true);
  });

  it('is planned once for a burst of changes, and the plan before stays in view', async () => {
    const files = [file(1, 'a.csv', 'csv')];
    const { of } = serve(files);
    const work = new Work();
    work.choose(files);
    await until(() => expect(work.items[0]?.plan).not.toBeNull());
    const before = work.items[0]!.plan;
    for (const delimiter of [';', '|', '\t']) work.change({ delimiter });
    expect(work.items[0]?.plan).toBe(before);
    expect(work.items[0]?.planning).toBe(true);
    await until(() => expect(work.items[0]?.planning).toBe(false));
    expect(of('plan_conversion')).toHaveLength(2);
    expect(of('plan_conversion').at(-1)?.request.options).toEqual({ delimiter: '\t' });
  });

  it('asks each file only for what its format knows', async () => {
    const files = [file(1, 'a.csv', 'csv'), file(2, 'b.xlsx', 'xlsx')];
    const { of } = serve(files);
    const work = new Work();
    work.choose(files);
    await until(() => expect(work.items.every((i) => i.plan)).toBe(true));
    work.change({ encoding: 'windows-1252', header: 'no' });
    await until(() => expect(work.items.every((i) => !i.planning)).toBe(true));
    expect(of('plan_conversion').slice(-2).map((a) => a.request.options)).toEqual([{ encoding: 'windows-1252', header: 'no' }, { header: 'no' }]);
  });

  it('waits for a decision about rows that do not fit', async () => {
    const files = [file(1, 'sales_export.csv', 'csv')];
    serve(files);
    const work = new Work();
    work.choose(files);
    await until(() => expect(work.items[0]?.plan).not.toBeNull());
    expect(work.items[0]?.undecided).toBe(true);
    work.change({ on_reject: 'report' });
    await until(() => expect(work.items[0]?.ready).toBe(true));
  });

  it('runs a batch one after the other, and leaves out what is not ready', async () => {
    const files = [file(1, 'a.csv', 'csv'), file(2, 'sales_export.csv', 'csv'), file(3, 'readme.pdf', 'pdf'), file(4, 'b.csv', 'csv')];
    const { of } = serve(files);
    const work = new Work();
    work.choose(files);
    await until(() => expect(work.items.every((i) => i.plan ?? i.error)).toBe(true));
    void work.run();
    await until(() => expect(of('convert_file').map((a) => a.id)).toEqual([1]));
    end(work.items[0]!.jobId!);
    await until(() => expect(of('convert_file').map((a) => a.id)).toEqual([1, 4]));
    end(work.items[3]!.jobId!);
    await until(() => expect(work.running).toBe(false));
  });

  it('plans the whole of a merge after its parts, and again for each column that goes elsewhere', async () => {
    const files = [file(1, 'a.csv', 'csv'), file(2, 'b.csv', 'csv')];
    const { of } = serve(files);
    const work = new Work();
    work.choose(files);
    work.mode = 'merge';
    work.replan();
    await until(() => expect(work.merged.plan).not.toBeNull());
    expect(work.current).toBe(work.merged);
    const parts = of('plan_conversion').length;
    work.rejoin({ map: [['volume', 'price']] });
    await until(() => expect(work.merged.planning).toBe(false));
    expect(of('plan_merge')).toHaveLength(2);
    expect(of('plan_conversion')).toHaveLength(parts);
    await work.run();
    expect(of('merge_files')).toHaveLength(1);
    expect(of('convert_file')).toHaveLength(0);
  });

  it('goes back to each on its own when only one is left', async () => {
    const files = [file(1, 'a.csv', 'csv'), file(2, 'b.csv', 'csv')];
    serve(files);
    const work = new Work();
    work.choose(files);
    work.mode = 'merge';
    work.remove(work.items[1]!);
    expect(work.mode).toBe('each');
    expect(work.current).toBe(work.items[0]);
  });
});
