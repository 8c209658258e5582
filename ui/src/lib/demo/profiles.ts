/** Profiles as core would make them: one believable table, and files that are not so simple. */
import type { BucketCount } from '../contract/BucketCount';
import type { ColumnProfileView } from '../contract/ColumnProfileView';
import type { FileView } from '../contract/FileView';
import type { ProfileReport } from '../contract/ProfileReport';
import type { TextFormView } from '../contract/TextFormView';

const count = (n: number) => n.toLocaleString('en-US');

/** A hill, so that a histogram looks like one. */
function hill(low: number, high: number, places: number, total: number, peak = 0.4): BucketCount[] {
  const step = (high - low) / 20;
  const shares = Array.from({ length: 20 }, (_, i) => Math.exp(-(((i / 19 - peak) / 0.22) ** 2)) + 0.03);
  const sum = shares.reduce((a, b) => a + b, 0);
  return shares.map((s, i) => ({ low: (low + i * step).toFixed(places), high: (low + (i + 1) * step).toFixed(places), count: Math.round((s / sum) * total) }));
}

function days(total: number): BucketCount[] {
  return Array.from({ length: 12 }, (_, i) => ({ low: `2024-${String(i + 1).padStart(2, '0')}-01`, high: `2024-${String(i + 1).padStart(2, '0')}-28`, count: Math.round((total / 12) * (0.8 + ((i * 7) % 5) / 10)) }));
}

const words = (list: [string, number][]): BucketCount[] => list.map(([low, n]) => ({ low, high: low, count: n }));

export function pricesColumns(rows: number): ColumnProfileView[] {
  const column = (name: string, type_name: string, evidence: string, more: Partial<ColumnProfileView> = {}): ColumnProfileView => ({
    name, said: null, type_name, evidence, nulls: 0, empties: 0, distinct: null, min: null, max: null, longest: null, examples: [], histogram: [], ...more,
  });
  return [
    column('id', 'BIGINT', `0 of ${count(rows)} values altered`, { distinct: rows, min: '9007199254740993', max: String(9007199254740993n + BigInt(rows)), longest: 16, examples: ['9007199254740993', '9007199254740994', '9007199254740995'], histogram: hill(0, 20, 0, rows, 0.5).map((b, i) => ({ low: String(9007199254740993n + BigInt(i * 60_000)), high: String(9007199254740993n + BigInt((i + 1) * 60_000)), count: Math.round(rows / 20) })) }),
    column('ticker', 'VARCHAR', 'text throughout', { distinct: 503, min: 'A', max: 'ZTS', longest: 5, examples: ['AAPL', 'MSFT', 'BRK.B', 'GOOG', 'T'], histogram: words([['AAPL', 9_812], ['MSFT', 9_640], ['NVDA', 8_002], ['AMZN', 7_414], ['GOOG', 6_120], ['META', 5_311], ['TSLA', 4_902], ['BRK.B', 3_004]]) }),
    column('ts', 'TIMESTAMP WITH TIME ZONE', 'ISO 8601 with seconds and Z, every row', { distinct: 1_190_004, min: '2024-01-02 14:30:00+00', max: '2024-12-31 20:59:59+00', longest: 20, examples: ['2024-01-02 14:30:00+00', '2024-01-02 14:30:01+00'], histogram: days(rows) }),
    column('zip', 'VARCHAR', 'stays text: 4,102 values begin with 0', { nulls: 12, distinct: 8_204, min: '00501', max: '99950', longest: 5, examples: ['00501', '10013', '02139'], histogram: words([['10013', 4_002], ['02139', 3_870], ['60601', 2_954], ['94105', 2_101], ['00501', 1_004]]) }),
    column('price', 'DECIMAL(9,4)', `0 of ${count(rows)} values altered; at most 4 places`, { distinct: 204_118, min: '0.0104', max: '9812.5000', longest: 9, examples: ['187.2300', '0.0104', '412.9950'], histogram: hill(0, 9812.5, 4, rows, 0.18) }),
    column('volume', 'BIGINT', `0 of ${count(rows)} values altered`, { nulls: 31, distinct: 88_410, min: '0', max: '9223372036', longest: 10, examples: ['1200', '100', '58'], histogram: hill(0, 8_901_400_000, 0, rows, 0.1) }),
    column('venue', 'VARCHAR', 'text throughout', { empties: 4_211, distinct: 12, min: '', max: 'XNYS', longest: 4, examples: ['XNAS', 'XNYS', 'BATS'], histogram: words([['XNAS', 512_330], ['XNYS', 441_870], ['BATS', 120_500], ['ARCX', 88_010], ['', 4_211]]) }),
    column('note', 'VARCHAR', 'text throughout, quotes inside', { nulls: Math.round(rows * 0.988), distinct: 9_120, min: '“late print”', max: 'üç', longest: 184, examples: ['corrected, see "T+1"', 'late print', 'odd lot'] }),
  ];
}

function text(more: Partial<TextFormView> = {}): TextFormView {
  return { encoding: 'UTF-8', byte_order_mark: false, delimiter: ',', quote: '"', escape: '"', line_end: 'CRLF', header_rows: 1, preamble: [], footnotes: [], layout: null, ...more };
}

const TEXTS = ['csv', 'tsv', 'txt'];

export function profile(file: FileView, options: Record<string, string> = {}): ProfileReport {
  const rows = typeof file.metadata.rows === 'number' ? file.metadata.rows : 48_022;
  const isText = TEXTS.includes(file.format);
  const base: ProfileReport = {
    format: file.format,
    compression: file.filename.endsWith('.gz') ? 'gzip' : null,
    table: null,
    tables: [],
    text: isText ? text() : null,
    rows,
    columns: pricesColumns(rows).map((c) => (isText ? c : { ...c, evidence: 'stated by the file' })),
    choices: [],
    repairs: [],
    rejects: { count: 0, examples: [] },
    warnings: [],
  };
  if (file.filename === 'prices_2024.csv') {
    base.repairs = [{ kind: 'stray quote', detail: 'A quote in the middle of a field is kept as text.', count: 2, lines: [18_204, 77_031] }];
  }
  if (file.format === 'xlsx' || file.format === 'duckdb' || file.format === 'sqlite') {
    base.tables = [{ name: 'customers', rows, columns: 8 }, { name: 'regions', rows: 14, columns: 3 }, { name: 'notes', rows: 212, columns: 2 }];
    base.table = options.table ?? 'customers';
  }
  if (file.filename.startsWith('aapl')) {
    base.text = text({ layout: 'stooq', line_end: 'CRLF', quote: null, escape: null });
    const names = ['<TICKER>', '<PER>', '<DATE>', '<TIME>', '<OPEN>', '<HIGH>', '<LOW>', '<CLOSE>', '<VOL>', '<OPENINT>'];
    base.columns = names.map((name, i) => ({ ...base.columns[i < 1 ? 1 : i < 4 ? 3 : 4]!, name, type_name: i < 4 ? 'VARCHAR' : 'DOUBLE' }));
  }
  if (file.filename.startsWith('sales_export')) {
    const by = options.date_order ?? 'text';
    base.text = text({
      encoding: options.encoding ?? 'windows-1252',
      delimiter: options.delimiter ?? ';',
      line_end: 'mixed',
      header_rows: options.header === 'no' ? 0 : 2,
      preamble: ['Sales report, north region', 'Printed 03/11/2026 09:12 by M. Weiß', ''],
      footnotes: ['Total;;;1.204.331,50', 'End of report'],
    });
    base.rows = 18_402;
    base.columns = [
      { ...base.columns[0]!, name: 'order_no', said: 'Order|No.', type_name: 'VARCHAR', evidence: 'stays text: 18,402 values begin with 0', min: '000001', max: '018402', examples: ['000001', '000002'], distinct: 18_402, histogram: [] },
      { ...base.columns[2]!, name: 'ordered', said: 'Order|Date', type_name: by === 'text' ? 'VARCHAR' : 'DATE', evidence: by === 'text' ? 'stays text: 01/02/2026 could be either order' : `every value read as ${by === 'mdy' ? 'month, day, year' : 'day, month, year'}`, min: '01/02/2026', max: '12/11/2026', examples: ['01/02/2026', '03/04/2026'], distinct: 311, histogram: [] },
      { ...base.columns[6]!, name: 'customer', said: 'Customer|', evidence: 'text throughout', examples: ['Weiß & Söhne', 'Ünal'], distinct: 912, histogram: [] },
      { ...base.columns[4]!, name: 'amount', said: 'Amount|EUR', type_name: options.decimal === ',' ? 'DECIMAL(12,2)' : 'VARCHAR', evidence: options.decimal === ',' ? '0 of 18,402 values altered' : 'stays text: 1,50 is a number where the comma is the decimal mark', examples: ['1.204,50', '18,00'], min: '0,50', max: '99.120,00', histogram: [] },
      { ...base.columns[7]!, name: 'column_5', said: '', nulls: 18_399, evidence: 'text throughout', examples: ['see note'], histogram: [] },
    ];
    base.choices = [
      { what: 'header', chosen: options.header === 'no' ? 'none' : '2 lines', why: 'Both lines name columns and hold no number; the rows after them do.', otherwise: options.header === 'no' ? 'header=2' : 'header=no' },
      { what: 'date order', chosen: by === 'text' ? 'left as text' : by === 'dmy' ? 'day, month, year' : 'month, day, year', why: 'No value settles it: 01/02/2026 is a date both ways.', otherwise: by === 'dmy' ? 'date_order=mdy' : 'date_order=dmy' },
      { what: 'decimal mark', chosen: options.decimal === ',' ? 'comma' : 'left as text', why: 'amount has values such as 1.204,50.', otherwise: options.decimal === ',' ? 'decimal=.' : 'decimal=,' },
      { what: 'encoding', chosen: options.encoding ?? 'windows-1252', why: 'Byte 0xDF at line 2 is no UTF-8; every byte above 0x7F is a letter in windows-1252.', otherwise: options.encoding ? null : 'encoding=ISO-8859-15' },
    ];
    base.repairs = [
      { kind: 'short row', detail: 'Missing fields at the end became null.', count: 41, lines: [88, 90, 1_204, 1_205, 9_002] },
      { kind: 'trailing delimiter', detail: 'An empty field behind the last column was left out.', count: 18_402, lines: [6, 7, 8] },
      { kind: 'mixed line ends', detail: 'CRLF and LF both end a row.', count: 212, lines: [40, 41] },
    ];
    base.rejects = options.header === 'no' ? { count: 0, examples: [] } : {
      count: 3,
      examples: [
        { line: 4_211, column: 4, reason: 'A quote opens and is never closed.', text: '004207;03/04/2026;"Kaya Ltd;18,00;' },
        { line: 9_930, column: null, reason: '11 fields where the table has 5.', text: '009926;04/05/2026;Rossi;12,00;;009927;04/05/2026;Bauer;9,50;;x' },
        { line: 18_399, column: 2, reason: 'Not text: bytes 0x00 0x00.', text: '018395;\\x00\\x00;Ünal;7,00;' },
      ],
    };
    base.warnings = ['2 columns have no name of their own; they are called column_5 and so on.'];
  }
  if (file.filename.startsWith('genome')) {
    base.columns = Array.from({ length: 1_200 }, (_, i) => ({ ...base.columns[4]!, name: `sample_${String(i + 1).padStart(4, '0')}`, type_name: 'DOUBLE' }));
  }
  for (const [key, value] of Object.entries(options)) {
    const at = key.startsWith('type.') ? base.columns.find((c) => c.name === key.slice(5)) : undefined;
    if (at) Object.assign(at, { type_name: value, evidence: `as asked; 0 of ${count(base.rows)} values altered` });
  }
  return base;
}
