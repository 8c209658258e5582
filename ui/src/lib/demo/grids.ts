/**
 * Grids of any length, made on the fly: a row is computed from its number, so that
 * 50,000,000 of them cost nothing. Sorting and filtering are worked out by arithmetic.
 */
import type { GridColumn } from '../contract/GridColumn';
import type { GridOpen } from '../contract/GridOpen';
import type { GridQuery } from '../contract/GridQuery';
import type { GridRows } from '../contract/GridRows';
import { mix } from './catalog';

const TICKERS = ['AAPL', 'AMZN', 'BRK.B', 'GOOG', 'META', 'MSFT', 'NVDA', 'T', 'TSLA'];
const VENUES = ['XNAS', 'XNYS', 'BATS', 'ARCX', ''];
const NOTES = ['late print', 'corrected, see "T+1"', 'odd lot', 'ligne ajoutée\nà la main', '😀 test', 'a longer remark that goes on for a while and does not fit the column it stands in'];

export const PRICES: GridColumn[] = [
  { name: 'id', type_name: 'BIGINT', numeric: true },
  { name: 'ticker', type_name: 'VARCHAR', numeric: false },
  { name: 'ts', type_name: 'TIMESTAMP WITH TIME ZONE', numeric: false },
  { name: 'zip', type_name: 'VARCHAR', numeric: false },
  { name: 'price', type_name: 'DECIMAL(9,4)', numeric: true },
  { name: 'volume', type_name: 'BIGINT', numeric: true },
  { name: 'venue', type_name: 'VARCHAR', numeric: false },
  { name: 'note', type_name: 'VARCHAR', numeric: false },
  { name: 'checksum', type_name: 'UBIGINT', numeric: true },
  { name: 'flagged', type_name: 'BOOLEAN', numeric: false },
];

function cell(column: string, n: number): string | null {
  const h = mix(n * 7 + column.length * 131);
  switch (column) {
    case 'id':
      return String(9007199254740993n + BigInt(n));
    case 'ticker':
      return TICKERS[h % TICKERS.length]!;
    case 'ts':
      return `${new Date(Date.UTC(2024, 0, 2, 14, 30) + n * 620).toISOString().slice(0, 19).replace('T', ' ')}+00`;
    case 'zip':
      return h % 97 === 0 ? null : String(h % 99_999).padStart(5, '0');
    case 'price':
      return `${h % 9800}.${String(mix(n) % 10_000).padStart(4, '0')}`;
    case 'volume':
      return h % 61 === 0 ? null : String(h % 90_000);
    case 'venue':
      return VENUES[h % VENUES.length]!;
    case 'note':
      return h % 9 === 0 ? NOTES[h % NOTES.length]! : null;
    case 'checksum':
      return String(18_446_744_073_709_551_615n - BigInt(h));
    case 'flagged':
      return h % 5 === 0 ? 'true' : 'false';
    default:
      return (h % 2000) / 1000 < 0.02 ? null : String((h % 200_000) / 100_000);
  }
}

interface Grid {
  columns: GridColumn[];
  /** Rows of the whole. */
  whole: number;
  /** Told to the window; null while they are being counted. */
  known: number | null;
  opened: number;
  query: GridQuery;
  keep: number;
}

export class DemoGrids {
  #grids = new Map<string, Grid>();
  #next = 1;

  open(rows: number, columns: GridColumn[], counted = true): GridOpen {
    return this.#add({ columns, whole: rows, known: counted ? rows : null, opened: Date.now(), query: { filters: [], sort: null }, keep: 1 });
  }

  refine(handle: string, query: GridQuery): GridOpen {
    const of = this.#grids.get(handle)!;
    const keep = query.filters.reduce((n, f) => n * (f.op === 'is' ? 9 : f.op === 'null' ? 61 : f.op === 'is_not' || f.op === 'not_null' ? 1 : 4), 1);
    const none = query.filters.some((f) => f.value === 'nothing');
    return this.#add({ ...of, query, keep, known: none ? 0 : Math.floor(of.whole / keep) });
  }

  rows(handle: string, first: number, count: number): GridRows {
    const grid = this.#grids.get(handle);
    if (!grid) return { first, rows: [], total: 0 };
    // A file without an index is counted while it is looked at.
    if (grid.known === null && Date.now() - grid.opened > 9_000) grid.known = grid.whole;
    const total = grid.known ?? grid.whole;
    const down = grid.query.sort?.descending ?? false;
    const rows = Array.from({ length: Math.max(0, Math.min(count, total - first)) }, (_, i) => {
      const at = down ? total - 1 - (first + i) : first + i;
      return grid.columns.map((c) => {
        const filter = grid.query.filters.find((f) => f.column === c.name);
        if (filter?.op === 'is') return filter.value;
        if (filter?.op === 'null') return null;
        return cell(c.name, at * grid.keep);
      });
    });
    return { first, rows, total: grid.known };
  }

  close(handle: string): null {
    this.#grids.delete(handle);
    return null;
  }

  #add(grid: Grid): GridOpen {
    const handle = `grid-${this.#next++}`;
    this.#grids.set(handle, grid);
    return {
      grid: handle,
      columns: grid.columns,
      rows: grid.known,
      at_least: grid.known ?? 1_200_000,
      sorted_by: grid.query.sort?.column ?? null,
      filtered: grid.query.filters.length > 0,
    };
  }
}
