/** The formats core knows and the choices it takes, as `redline_convert` lists them. */
import type { FormatView } from '../contract/FormatView';
import type { OptionView } from '../contract/OptionView';

const format = (id: string, label: string, extension = id): FormatView => ({ id, label, extension, reads: true, writes: true });

export const FORMATS: FormatView[] = [
  format('csv', 'CSV'),
  format('tsv', 'TSV'),
  format('txt', 'Text'),
  format('json', 'JSON'),
  format('ndjson', 'NDJSON'),
  format('parquet', 'Parquet'),
  format('feather', 'Feather'),
  format('xlsx', 'Excel'),
  format('duckdb', 'DuckDB'),
  format('sqlite', 'SQLite'),
  format('npz', 'NPZ'),
];

const TEXT = ['csv', 'tsv', 'txt'];
type Spec = [key: string, group: OptionView['group'], kind: OptionView['kind'], choices: string[], label: string, help: string, formats: string[]];

const SPECS: Spec[] = [
  ['table', 'reading', 'text', [], 'Table', 'Which table or sheet of the file, by name or by number from 1; the first one with rows, otherwise. `*` takes each, one output for each.', ['xlsx', 'duckdb', 'sqlite', 'npz', 'csv', 'tsv', 'txt']],
  ['encoding', 'reading', 'text', [], 'Encoding', 'As UTF-8, UTF-16LE, UTF-16BE, windows-1252 or any name of the Encoding Standard; found out, otherwise.', TEXT],
  ['delimiter', 'reading', 'text', [], 'Delimiter', 'What stands between fields, one character or more; `tab`, `space`, `none` by name. Found out, otherwise.', TEXT],
  ['quote', 'reading', 'text', [], 'Quote', 'The character around fields, or `none`. Found out, otherwise.', TEXT],
  ['escape', 'reading', 'text', [], 'Escape', 'What stands before a quote inside quotes: the quote itself, or a backslash, or `none`. Found out, otherwise.', TEXT],
  ['header', 'reading', 'text', [], 'Header', '`yes`, `no`, or the number of lines that name the columns. Found out, otherwise.', ['csv', 'tsv', 'txt', 'xlsx']],
  ['skip', 'reading', 'number', [], 'Lines to skip', 'Lines before the table. Found out, otherwise.', ['csv', 'tsv', 'txt', 'xlsx']],
  ['footnotes', 'reading', 'number', [], 'Lines after', 'Lines after the table. Found out, otherwise.', TEXT],
  ['null', 'reading', 'text', [], 'Null is written', 'A text that stands for null where it is a whole unquoted field, as NA. Only an empty field is, otherwise.', TEXT],
  ['types', 'reading', 'choice', ['proved', 'text'], 'Types', '`text` leaves every column text. A column has a type where every value proves it, otherwise.', ['csv', 'tsv', 'txt', 'xlsx', 'sqlite']],
  ['type.', 'reading', 'text', [], 'Type of a column', 'Takes a column as this type, as BIGINT, DOUBLE, DECIMAL(18,2), DATE, TIMESTAMP or VARCHAR; a value that is not of it is a reject.', TEXT],
  ['date_order', 'reading', 'choice', ['dmy', 'mdy', 'ymd'], 'Date order', 'How 01/02/2026 is read. Found out where a value settles it and left text where none does, otherwise.', TEXT],
  ['decimal', 'reading', 'choice', ['.', ','], 'Decimal mark', 'Reads 1,5 as a number where it is `,`. Such columns stay text, otherwise.', TEXT],
  ['on_reject', 'reading', 'choice', ['stop', 'report'], 'Rows that do not fit', '`report` leaves them out, counted and listed. Nothing is written, otherwise.', []],
  ['select', 'table', 'columns', [], 'Columns', 'These columns, in this order. All of them, otherwise.', []],
  ['rename.', 'table', 'text', [], 'New name of a column', 'Another name for a column.', []],
  ['names', 'table', 'choice', ['keep', 'tidy'], 'Column names', '`tidy` makes them lower case with _ between words. Kept as they are, otherwise.', []],
  ['filter', 'table', 'condition', [], 'Rows', 'Only rows for which this holds, as: amount > 100 AND city = \'Rome\'.', []],
  ['duplicates', 'table', 'choice', ['keep', 'drop'], 'Duplicate rows', '`drop` keeps the first of rows that are equal in every column. Kept, otherwise.', []],
  ['missing', 'table', 'choice', ['keep', 'drop'], 'Rows with missing values', '`drop` leaves out rows with a null in any column. Kept, otherwise.', []],
  ['fill.', 'table', 'text', [], 'Fill missing values', 'Takes this value for null in a column.', []],
  ['codec', 'writing', 'choice', ['snappy', 'zstd', 'lz4', 'gzip', 'none'], 'Compression', 'Parquet takes all of them, and snappy otherwise; Feather takes lz4, zstd and none, and lz4 otherwise; text and JSON take gzip, zstd and none, and none otherwise.', ['parquet', 'feather', 'csv', 'tsv', 'txt', 'json', 'ndjson']],
  ['row_group', 'writing', 'number', [], 'Rows in a group', 'Rows in each row group; 122880, otherwise.', ['parquet']],
  ['stream', 'writing', 'choice', ['yes', 'no'], 'Stream form', '`yes` writes the Arrow stream form. The file form, otherwise.', ['feather']],
  ['out_delimiter', 'writing', 'text', [], 'Delimiter', 'What stands between fields, one character; `tab` by name. A comma in CSV and a tab in TSV and TXT, otherwise.', TEXT],
  ['out_quote', 'writing', 'choice', ['needed', 'all'], 'Quotes', '`all` puts every value in quotes, nulls apart. Only where they are needed, otherwise.', TEXT],
  ['out_header', 'writing', 'choice', ['yes', 'no'], 'Header', '`no` leaves the line of names out.', TEXT],
  ['out_null', 'writing', 'text', [], 'Null is written', 'A text for null. Nothing, otherwise.', TEXT],
  ['line_end', 'writing', 'choice', ['lf', 'crlf'], 'Line ends', 'lf, otherwise.', TEXT],
  ['bom', 'writing', 'choice', ['yes', 'no'], 'Byte order mark', '`yes` begins the file with one, which older Excel wants.', TEXT],
  ['layout', 'writing', 'choice', ['plain', 'stooq', 'stooq_short'], 'Layout', 'Stooq\'s own layout for price tables. A file that came in it goes back out in it, otherwise.', ['txt']],
  ['sheet', 'writing', 'text', [], 'Sheet or table', 'The name of the sheet or table in the output; made from the file\'s name, otherwise.', ['xlsx', 'duckdb', 'sqlite']],
  ['prove', 'job', 'choice', ['yes', 'no'], 'Proof', '`no` leaves out reading the output back, and the certificate with it.', []],
  ['memory', 'job', 'number', [], 'Memory, in MiB', 'What the job may use; 512, otherwise.', []],
];

export function optionsFor(from: string, to: string): OptionView[] {
  return SPECS.filter(([, group, , , , , formats]) => formats.length === 0 || formats.includes(group === 'writing' ? to : from)).map(([key, group, kind, choices, label, help]) => ({
    key,
    group,
    kind,
    choices,
    label,
    help,
    per_column: key.endsWith('.'),
  }));
}

/** As core refuses a key or a value that is not in the list. */
export function refusal(options: Record<string, string>): string {
  for (const [key, value] of Object.entries(options)) {
    const spec = SPECS.find(([k]) => (k.endsWith('.') ? key.startsWith(k) && key.length > k.length : k === key));
    if (!spec) return `${key} is no choice of a conversion.`;
    if (spec[2] === 'choice' && !spec[3].includes(value)) return `${key}=${value} is not possible: it is ${spec[3].join(' or ')}.`;
    if (spec[2] === 'number' && !/^\d+$/.test(value)) return `${key}=${value} is not possible: it is a whole number.`;
  }
  return '';
}
