/** A believable store of any size: rows are made from their number, so a million cost nothing. */
import type { FilePage } from '../contract/FilePage';
import type { FileQuery } from '../contract/FileQuery';
import type { FileStatus } from '../contract/FileStatus';
import type { FileView } from '../contract/FileView';
import type { TypeCount } from '../contract/TypeCount';

type Kind = { ext: string; type: string; format: string; share: number; table: boolean };
const KINDS: Kind[] = [
  { ext: 'csv', type: 'csv', format: 'csv', share: 48, table: true },
  { ext: 'parquet', type: 'parquet', format: 'parquet', share: 27, table: true },
  { ext: 'xlsx', type: 'excel', format: 'xlsx', share: 8, table: true },
  { ext: 'feather', type: 'feather', format: 'feather', share: 4, table: true },
  { ext: 'json', type: 'json', format: 'json', share: 6, table: true },
  { ext: 'pdf', type: 'pdf', format: 'pdf', share: 3, table: false },
  { ext: 'png', type: 'image', format: 'png', share: 2, table: false },
  { ext: 'md', type: 'other', format: 'other', share: 2, table: false },
];
const WORDS = ['prices', 'trades', 'orders', 'customers', 'positions', 'ticks', 'ledger', 'invoices', 'weather', 'sensors', 'survey', 'returns'];
const TAILS = ['2021', '2022', '2023', '2024', 'q1', 'q2', 'q3', 'q4', 'final', 'cleaned', 'raw', 'eurusd', 'north', 'south'];
const FOLDERS = ['', '', '', 'archive', 'archive/2023', 'desk', 'clients/acme'];

const FIRST: Partial<FileView>[] = [
  { filename: 'prices_2024.csv', file_type: 'csv', format: 'csv', size_bytes: 88_412_906, metadata: { rows: 1_204_331, encoding: 'UTF-8', delimiter: 'comma', line_endings: 'CRLF' } },
  { filename: 'prices_2024.parquet', file_type: 'parquet', format: 'parquet', size_bytes: 11_204_118, metadata: { rows: 1_204_331 } },
  { filename: 'aapl.us.txt', file_type: 'text', format: 'txt', size_bytes: 612_304, metadata: { rows: 10_148 } },
  { filename: 'customers (cleaned).xlsx', original_filename: 'customers: cleaned.xlsx', file_type: 'excel', format: 'xlsx', size_bytes: 6_104_882, metadata: { rows: 48_022, sheets: 3 } },
  { filename: 'trades_q3.feather', file_type: 'feather', format: 'feather', size_bytes: 1_310_442_016, metadata: { rows: 22_940_118, revisions: [{ sha256: 'a0', size_bytes: 1_221_900_402, until: '2026-11-18T17:40:00Z' }, { sha256: 'a1', size_bytes: 1_284_003_118, until: '2026-11-20T08:12:00Z' }] } },
  { filename: 'positions.duckdb', file_type: 'duckdb', format: 'duckdb', size_bytes: 402_112_512, metadata: { tables: 7 }, status: 'missing' },
  { filename: 'orders_export_final_v2.json', file_type: 'json', format: 'json', size_bytes: 204_001_337, metadata: { rows: 310_555 } },
  { filename: 'readme.pdf', file_type: 'pdf', format: 'pdf', size_bytes: 1_204_888, metadata: {} },
  { filename: 'sales_export_north.csv', file_type: 'csv', format: 'csv', size_bytes: 1_402_118, metadata: { rows: 18_402 } },
  { filename: 'genome_matrix.parquet', file_type: 'parquet', format: 'parquet', size_bytes: 91_204_330, metadata: { rows: 24_000 }, status: 'cloud_only' },
  { filename: 'ticks_2024.parquet', file_type: 'parquet', format: 'parquet', size_bytes: 1_204_881_002, metadata: { rows: 50_000_000 } },
  { filename: 'ticks_live.csv', file_type: 'csv', format: 'csv', size_bytes: 2_040_112_004, metadata: {} },
];

/** A small mixing function: the same number gives the same file. */
export function mix(n: number): number {
  let h = (n + 0x9e3779b9) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export function fakeHash(n: number): string {
  let out = '';
  for (let i = 0; i < 8; i += 1) out += mix(n * 31 + i * 7919).toString(16).padStart(8, '0');
  return out;
}

function kindOf(h: number): Kind {
  let left = h % 100;
  for (const kind of KINDS) {
    left -= kind.share;
    if (left < 0) return kind;
  }
  return KINDS[0]!;
}

export class DemoCatalog {
  version = 1;
  #count: number;
  #now: number;
  #next: number;
  #added: FileView[] = [];
  #trashed = new Set<number>();
  #status = new Map<number, FileStatus>();
  #gone = new Set<number>();
  #orders = new Map<string, number[]>();

  constructor(count: number, now = Date.now()) {
    this.#count = count;
    this.#now = now;
    this.#next = count + 1;
  }

  /** Ids run from 1; the newest has the highest. */
  file(id: number): FileView | null {
    if (this.#gone.has(id)) return null;
    const added = this.#added.find((f) => f.id === id);
    const file = added ?? (id >= 1 && id <= this.#count ? this.#make(id) : null);
    return file && { ...file, status: this.#trashed.has(id) ? 'trashed' : (this.#status.get(id) ?? file.status) };
  }

  #make(id: number): FileView {
    const age = this.#count - id;
    const h = mix(id);
    const kind = kindOf(h);
    const word = WORDS[mix(id * 3) % WORDS.length]!;
    const tail = TAILS[mix(id * 5) % TAILS.length]!;
    const folder = FOLDERS[mix(id * 7) % FOLDERS.length]!;
    const size = Math.round(10 ** (3 + (mix(id * 11) % 1000) / 230));
    const filename = age < FIRST.length ? FIRST[age]!.filename! : `${word}_${tail}_${String(id).padStart(4, '0')}.${kind.ext}`;
    const minutes = age < 2 ? 2 : age < 4 ? 26 * 60 : age * Math.min(220, (400 * 1440) / this.#count) + 3000;
    const made: FileView = {
      id,
      uid: `01JD${String(id).padStart(22, '0')}`,
      filename,
      relative_path: age >= FIRST.length && folder ? `${folder}/${filename}` : filename,
      original_filename: filename,
      file_type: kind.type,
      format: kind.format,
      size_bytes: size,
      sha256: fakeHash(id),
      uploaded_at: new Date(this.#now - minutes * 60_000).toISOString(),
      status: 'stored',
      metadata: kind.table ? { rows: Math.round(size / 61) } : {},
    };
    return age < FIRST.length ? { ...made, ...FIRST[age] } : made;
  }

  #all(): number[] {
    return [...this.#added.map((f) => f.id).reverse(), ...Array.from({ length: this.#count }, (_, i) => this.#count - i)].filter(
      (id) => !this.#gone.has(id),
    );
  }

  #order(query: FileQuery): number[] {
    const key = JSON.stringify([query.file_type, query.search, query.sort, query.reverse, query.trash, this.version]);
    const known = this.#orders.get(key);
    if (known) return known;
    const words = (query.search ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    let ids = this.#all().filter((id) => this.#trashed.has(id) === query.trash);
    const plain = !query.file_type && words.length === 0 && query.sort === 'added';
    if (!plain) {
      const seen = new Map(ids.map((id) => [id, this.file(id)!] as const));
      ids = ids.filter((id) => {
        const f = seen.get(id)!;
        if (query.file_type && f.file_type !== query.file_type) return false;
        const path = f.relative_path.toLowerCase();
        return words.every((w) => path.includes(w));
      });
      if (query.sort === 'name') ids.sort((a, b) => (seen.get(a)!.filename < seen.get(b)!.filename ? -1 : 1));
      if (query.sort === 'type') ids.sort((a, b) => (seen.get(a)!.file_type < seen.get(b)!.file_type ? -1 : 1));
      if (query.sort === 'size') ids.sort((a, b) => seen.get(b)!.size_bytes - seen.get(a)!.size_bytes);
    }
    if (query.reverse) ids.reverse();
    if (this.#orders.size > 6) this.#orders.clear();
    this.#orders.set(key, ids);
    return ids;
  }

  page(query: FileQuery): FilePage {
    const ids = this.#order(query);
    const limit = Math.min(query.limit ?? 100, 1000);
    const files = ids.slice(query.offset, query.offset + limit).map((id) => this.file(id)!);
    return { files, total: ids.length, version: this.version };
  }

  counts(): TypeCount[] {
    const sums = new Map<string, TypeCount>();
    // A million rows are sampled: the demo's chips need not be exact to the file.
    const step = this.#count > 50_000 ? 50 : 1;
    for (let id = this.#count; id >= 1; id -= step) this.#tally(sums, id, step);
    for (const f of this.#added) this.#tally(sums, f.id, 1);
    return [...sums.values()].sort((a, b) => b.files - a.files);
  }

  #tally(sums: Map<string, TypeCount>, id: number, weight: number): void {
    const f = this.file(id);
    if (!f || f.status === 'trashed') return;
    const sum = sums.get(f.file_type) ?? { file_type: f.file_type, files: 0, bytes: 0 };
    sum.files += weight;
    sum.bytes += f.size_bytes * weight;
    sums.set(f.file_type, sum);
  }

  add(filename: string, size: number): FileView {
    const dot = filename.lastIndexOf('.');
    const ext = filename.slice(dot + 1);
    const kind = KINDS.find((k) => k.ext === ext);
    const id = this.#next++;
    const file: FileView = {
      id,
      uid: `01JD${String(id).padStart(22, '0')}`,
      filename,
      relative_path: filename,
      original_filename: filename,
      file_type: kind?.type ?? 'other',
      format: kind?.format ?? 'other',
      size_bytes: size,
      sha256: fakeHash(id),
      uploaded_at: new Date().toISOString(),
      status: 'stored',
      metadata: {},
    };
    this.#added.push(file);
    this.version += 1;
    return file;
  }

  trash(ids: number[]): number {
    ids.forEach((id) => this.#trashed.add(id));
    this.version += 1;
    return ids.length;
  }

  setStatus(ids: number[], status: FileStatus): void {
    ids.forEach((id) => this.#status.set(id, status));
    this.version += 1;
  }

  restore(ids: number[]): number {
    const n = ids.filter((id) => this.#trashed.delete(id)).length;
    this.version += 1;
    return n;
  }

  empty(): number {
    const n = this.#trashed.size;
    this.#trashed.forEach((id) => this.#gone.add(id));
    this.#trashed.clear();
    this.version += 1;
    return n;
  }

  trashed(): FileView[] {
    return [...this.#trashed].map((id) => this.file(id)!).filter(Boolean);
  }
}
