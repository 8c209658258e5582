/** What the demo answers about data tables, grids and queries. */
import type { ConversionRequest } from '../contract/ConversionRequest';
import type { ConversionView } from '../contract/ConversionView';
import type { DataTableView } from '../contract/DataTableView';
import type { GridColumn } from '../contract/GridColumn';
import type { GridQuery } from '../contract/GridQuery';
import type { QueryRecord } from '../contract/QueryRecord';
import type { DemoShell } from '.';
import { made, refuse } from './conversions';
import { FORMATS } from './formats';
import { DemoGrids, PRICES } from './grids';
import { profile } from './profiles';

const numeric = (type: string) => /INT|DECIMAL|DOUBLE|FLOAT/.test(type);
const ago = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();

export function tableCommands(shell: DemoShell, history: ConversionView[], options: URLSearchParams) {
  const { file, job, catalog, tell } = shell;
  const grids = new DemoGrids();
  const newest = Number(options.get('files') ?? 1284);
  let nextTable = 1;
  let running: (() => void) | null = null;

  const columnsOf = (id: number): GridColumn[] => {
    const at = file(id);
    if (at.filename.startsWith('prices') || at.filename.startsWith('ticks')) return PRICES;
    return profile(at).columns.map((c) => ({ name: c.name, type_name: c.type_name, numeric: numeric(c.type_name) }));
  };
  const table = (table_name: string, id: number, ticker: string | null, hours: number): DataTableView => {
    const at = file(id);
    return {
      id: nextTable,
      uid: `01JT${String(nextTable++).padStart(22, '0')}`,
      table_name,
      file_id: id,
      file_name: at.filename,
      ticker,
      format: at.format,
      row_count: typeof at.metadata.rows === 'number' ? at.metadata.rows : null,
      columns: columnsOf(id),
      created_at: ago(hours + 200),
      last_accessed: hours < 0 ? null : ago(hours),
      missing: at.status === 'missing',
      metadata: {},
    };
  };

  const tables: DataTableView[] =
    newest < 100 || options.has('empty')
      ? []
      : [
          table('prices', newest - 1, null, 0.2),
          table('ticks', newest - 10, null, 3),
          table('aapl', newest - 2, 'AAPL.US', 30),
          table('customers', newest - 3, null, 80),
          table('sales_north', newest - 8, null, 300),
          table('genome', newest - 9, null, -1),
          table('positions', newest - 5, null, 900),
        ];
  const many = Number(options.get('tables') ?? 0);
  for (let i = 0; i < many; i += 1) tables.push({ ...table('prices', newest - 1, i % 3 ? null : `T${i}.US`, i / 4), table_name: `table_${String(i + 1).padStart(5, '0')}` });

  const records: QueryRecord[] = options.has('empty')
    ? []
    : [
        { sql: 'SELECT ticker, avg(price) AS price, count(*) AS rows\nFROM prices\nGROUP BY ticker\nORDER BY rows DESC', ran_at: ago(0.3), rows: 503, millis: 412, error: null },
        { sql: 'SELECT * FROM ticks WHERE venue = \'XNAS\' LIMIT 1000', ran_at: ago(1.2), rows: 1000, millis: 96, error: null },
        { sql: 'DELETE FROM prices', ran_at: ago(26), rows: null, millis: 0, error: 'Only a SELECT can be run here: this is a DELETE.' },
      ];

  const run = async (sql: string) => {
    const words = sql.replace(/--.*$/gm, '').trim();
    const fail = (message: string, hint: string) => {
      records.unshift({ sql, ran_at: new Date().toISOString(), rows: null, millis: 3, error: message });
      throw refuse('bad_request', message, hint);
    };
    if (words.replace(/;\s*$/, '').includes(';')) fail('Only one statement at a time can be run.', 'Select the one you mean, or remove the others.');
    const verb = /^\w+/.exec(words)?.[0]?.toUpperCase() ?? '';
    if (!['SELECT', 'WITH', 'FROM', 'VALUES'].includes(verb)) fail(`Only a SELECT can be run here: this is ${/^[AEIOU]/.test(verb) ? 'an' : 'a'} ${verb || 'empty text'}.`, 'Nothing was changed. The console reads; it cannot write, attach or fetch.');
    const unknown = /\bfrom\s+(nowhere\w*)/i.exec(words)?.[1];
    if (unknown) fail(`No table or file is called “${unknown}”.`, 'Names are in the list beside the editor; a file is written in double quotes.');
    const slow = /pg_sleep|cross join/i.test(words) ? 20_000 : shell.quick ? 60 : 500;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, slow);
      running = () => {
        clearTimeout(timer);
        reject({ code: 'cancelled', message: 'The query was cancelled.', hint: '', retryable: true });
      };
    });
    running = null;
    const grouped = /group\s+by/i.test(words);
    const limit = Number(/limit\s+(\d+)/i.exec(words)?.[1] ?? 10_000);
    const columns: GridColumn[] = grouped
      ? [{ name: 'ticker', type_name: 'VARCHAR', numeric: false }, { name: 'price', type_name: 'DOUBLE', numeric: true }, { name: 'volume', type_name: 'BIGINT', numeric: true }]
      : PRICES;
    const rows = /where\s+false/i.test(words) ? 0 : Math.min(limit, grouped ? 503 : 10_000);
    records.unshift({ sql, ran_at: new Date().toISOString(), rows, millis: slow - 31, error: null });
    return { grid: grids.open(rows, columns), millis: slow - 31 };
  };

  return {
    data_tables: () => tables,
    add_table: ({ fileId, name }: { fileId: number; name: string | null }) => {
      const at = file(fileId);
      if (!FORMATS.some((f) => f.id === at.format)) throw refuse('unsupported', `“${at.filename}” holds no table: it seems to be a ${at.format.toUpperCase()}.`, 'Choose a file with rows and columns.');
      const called = name ?? at.filename.replace(/\.[^.]+$/, '').replace(/\W+/g, '_').toLowerCase();
      if (tables.some((t) => t.table_name === called)) throw refuse('already_exists', `A table is called “${called}” already.`, 'Give this one another name.');
      const added = table(called, fileId, null, -1);
      added.created_at = new Date().toISOString();
      tables.unshift(added);
      tell({ type: 'files' });
      return added;
    },
    drop_table: ({ name }: { name: string }) => {
      const at = tables.findIndex((t) => t.table_name === name);
      if (at >= 0) tables.splice(at, 1);
      tell({ type: 'files' });
      return null;
    },
    open_grid: ({ of }: { of: { file: number } | { table: string } }) => {
      const from = 'table' in of ? tables.find((t) => t.table_name === of.table) : null;
      if (from === undefined) throw refuse('not_found', `No table is called “${'table' in of ? of.table : ''}”.`, 'It may have been dropped.');
      const id = 'file' in of ? of.file : from!.file_id!;
      const at = file(id);
      if (at.status === 'missing') throw refuse('not_found', `Could not open “${at.filename}”: its contents are gone from the disk.`, 'Bring it back from a backup, or add it again.');
      if (!FORMATS.some((f) => f.id === at.format)) throw refuse('unsupported', `“${at.filename}” holds no table: it seems to be a ${at.format.toUpperCase()}.`, 'Choose a file with rows and columns.');
      const live = at.filename.startsWith('ticks_live');
      const rows = live ? 212_400_117 : typeof at.metadata.rows === 'number' ? at.metadata.rows : 48_022;
      return grids.open(rows, columnsOf(id), !live);
    },
    grid_rows: ({ grid, first, count }: { grid: string; first: number; count: number }) => grids.rows(grid, first, count),
    refine_grid: async ({ grid, query }: { grid: string; query: GridQuery }) => {
      const low = query.filters.find((f) => f.op === 'less' && f.value !== null && Number.isNaN(Number(f.value)) && f.column === 'price');
      if (low) throw refuse('bad_request', `“${low.value}” is no DECIMAL(9,4), which price is.`, 'Write a number, as 12.50.');
      if (!shell.quick) await new Promise((done) => setTimeout(done, query.sort ? 900 : 300));
      return grids.refine(grid, query);
    },
    close_grid: ({ grid }: { grid: string }) => grids.close(grid),
    run_query: ({ sql }: { sql: string }) => run(sql),
    cancel_query: () => {
      running?.();
      running = null;
      return null;
    },
    export_query: ({ request, name }: { sql: string; request: ConversionRequest; name: string }) => {
      const source = file(newest - 1);
      return job('convert', `Exporting ${name}`, 'writing', 60_000_000, 1, () => {
        const done = made(source, request, 'query', []);
        done.source_name = 'a query';
        done.source_id = null;
        done.output_name = `${name}.${request.to}`;
        done.output_id = catalog.add(done.output_name, done.size_bytes).id;
        done.id = history.length + 1;
        history.unshift(done);
        tell({ type: 'history' });
        tell({ type: 'files' });
        return { type: 'convert', value: done };
      }, 2);
    },
    query_history: () => records,
    query_relations: () => [
      ...tables.map((t) => ({ name: t.table_name, file_id: t.file_id, table: true })),
      ...catalog
        .page({ file_type: null, search: null, sort: 'added', reverse: false, offset: 0, limit: 400, trash: false })
        .files.filter((f) => FORMATS.some((x) => x.id === f.format))
        .map((f) => ({ name: f.filename, file_id: f.id, table: false })),
    ],
  };
}
