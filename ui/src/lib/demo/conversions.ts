/** Plans, certificates and a history. */
import type { CertificateColumn } from '../contract/CertificateColumn';
import type { ConversionPlanView } from '../contract/ConversionPlanView';
import type { ConversionRequest } from '../contract/ConversionRequest';
import type { ConversionView } from '../contract/ConversionView';
import type { ErrorReport } from '../contract/ErrorReport';
import type { FileView } from '../contract/FileView';
import type { LossView } from '../contract/LossView';
import type { ProfileReport } from '../contract/ProfileReport';
import { fakeHash } from './catalog';
import { FORMATS, refusal } from './formats';
import { pricesColumns, profile } from './profiles';

const READS = FORMATS.map((f) => f.id);

export function refuse(code: ErrorReport['code'], message: string, hint: string): ErrorReport {
  return { code, message, hint, retryable: false };
}

function losses(to: string, rows: number): LossView[] {
  const zone: LossView = { column: 'ts', kind: 'type', detail: 'The time zone is written out; the type itself is not kept.', rows };
  if (to === 'csv' || to === 'tsv' || to === 'txt') {
    return [{ column: 'venue', kind: 'null_versus_empty', detail: 'CSV cannot tell an empty text from no value; both become empty.', rows: 4_211 }, zone];
  }
  if (to === 'xlsx') {
    const over = rows > 1_048_575 ? [{ column: null, kind: 'rows', detail: 'A sheet holds 1,048,576 rows: the rows go onto two sheets.', rows: rows - 1_048_575 }] : [];
    return [{ column: 'id', kind: 'digits', detail: 'A number in Excel keeps 15 digits: these are written as text, exactly.', rows }, ...over];
  }
  return [];
}

function notes(to: string, options: Record<string, string>): string[] {
  const said: string[] = [];
  if (options.filter) said.push(`Rows are kept where ${options.filter}.`);
  if (options.duplicates === 'drop') said.push('1,204 rows are equal to an earlier one and are left out.');
  if (options.missing === 'drop') said.push('Rows with a null in any column are left out.');
  if (options.prove === 'no') said.push('The result is not read back: there will be no certificate.');
  if (to === 'parquet') said.push('id is written as INT64, in full: 9007199254740993 stays 9007199254740993.');
  return said;
}

function changes(options: Record<string, string>): string[] {
  const said: string[] = [];
  if (options.select) said.push(`Columns ${options.select.replaceAll(',', ', ')} were taken; the others were left out.`);
  if (options.names === 'tidy') said.push('Column names were made lower case, with _ between words.');
  if (options.filter) said.push(`Only rows where ${options.filter}.`);
  return said;
}

function outputName(file: FileView, to: string): string {
  const extension = FORMATS.find((f) => f.id === to)?.extension ?? to;
  return `${file.filename.replace(/\.[^.]+$/, '')}.${extension}`;
}

export function plan(file: FileView, request: ConversionRequest): ConversionPlanView {
  if (!READS.includes(file.format)) {
    throw refuse('unsupported', `Cannot convert “${file.filename}”: it seems to be ${file.format === 'other' ? 'plain text without a table' : `a ${file.format.toUpperCase()}`}, which holds no table.`, 'Choose a file with rows and columns.');
  }
  const wrong = refusal(request.options);
  if (wrong) throw refuse('bad_request', wrong, 'Change that choice, or take it back.');
  if (request.options.filter && !/[=<>]|\b(is|in|like)\b/i.test(request.options.filter)) {
    throw refuse('bad_request', `Cannot read the condition “${request.options.filter}”: no comparison in it.`, 'Write it as: amount > 100 AND city = \'Rome\'.');
  }
  const found = profile(file, request.options);
  return {
    file_id: file.id,
    from: file.format,
    to: request.to,
    output_name: outputName(file, request.to),
    options: request.options,
    profile: found,
    losses: losses(request.to, found.rows),
    notes: notes(request.to, request.options),
  };
}

export function mergePlan(files: FileView[], request: ConversionRequest, by: string): ConversionPlanView {
  const first = plan(files[0]!, request);
  const rows = files.reduce((n, f) => n + profile(f).rows, 0);
  const found: ProfileReport = { ...first.profile, rows, choices: [], repairs: [], rejects: { count: files.reduce((n, f) => n + profile(f).rejects.count, 0), examples: files.flatMap((f) => profile(f).rejects.examples) }, text: null, columns: pricesColumns(rows).map((c) => ({ ...c, evidence: c.name === 'volume' ? 'BIGINT and DECIMAL(12,0) meet in DECIMAL(20,0); 0 values altered' : `${c.type_name} in every file` })) };
  return {
    ...first,
    output_name: `merged.${request.to}`,
    profile: found,
    notes: [...first.notes, by === 'name' ? `Columns that a file lacks are null in its rows.` : 'Names are those of the first file.'],
  };
}

function certificate(lossy: boolean, failed: boolean): CertificateColumn[] {
  return pricesColumns(1_204_331).map((c, i) => ({
    name: c.name,
    type_in: c.type_name,
    type_out: lossy && c.name === 'ts' ? 'VARCHAR' : c.type_name,
    nulls_in: c.nulls,
    nulls_out: lossy && c.name === 'venue' ? 4_211 : c.nulls,
    hash_in: fakeHash(i).slice(0, 32),
    hash_out: fakeHash((lossy && c.name === 'venue') || (failed && c.name === 'price') ? i + 90 : i).slice(0, 32),
  }));
}

const SETS: Record<string, string>[] = [{}, { delimiter: ';', encoding: 'windows-1252' }, { select: 'id,ticker,ts,price', codec: 'zstd' }, {}, { on_reject: 'report' }];

function shellWords(text: string): string {
  return /^[\w.,=:/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export function commandLine(id: number, to: string, options: Record<string, string>): string {
  return [`redline convert ${id} --to ${to}`, ...Object.entries(options).map(([k, v]) => `--set ${shellWords(`${k}=${v}`)}`)].join(' ');
}

/** One that was just made. */
export function made(source: FileView, request: ConversionRequest, kind: string, sources: FileView[]): ConversionView {
  const p = kind === 'merge' ? mergePlan(sources, request, 'name') : plan(source, request);
  const left = request.options.on_reject === 'report' ? p.profile.rejects.count : 0;
  const lossy = p.losses.length > 0;
  const verdict = request.options.prove === 'no' ? 'unproved' : lossy ? 'lossy' : 'proved';
  return {
    id: 0,
    kind,
    source_id: source.id,
    source_name: source.filename,
    sources: sources.map((f) => ({ id: f.id, name: f.filename })),
    output_id: null,
    output_name: p.output_name,
    from: source.format,
    to: request.to,
    options: request.options,
    size_bytes: Math.round(source.size_bytes / 7),
    rows_in: p.profile.rows + left,
    rows_out: p.profile.rows,
    rows_rejected: left,
    rows_left_out: 0,
    repairs: p.profile.repairs,
    rejects: left > 0 ? p.profile.rejects : { count: 0, examples: [] },
    duration_ms: 2_140,
    converted_at: new Date().toISOString(),
    certificate: {
      verdict,
      losses: p.losses,
      columns: verdict === 'unproved' ? [] : certificate(lossy, false),
      rows_in: p.profile.rows,
      rows_out: p.profile.rows,
      row_hash_in: fakeHash(7).slice(0, 32),
      row_hash_out: fakeHash(lossy ? 8 : 7).slice(0, 32),
      changes: changes(request.options),
    },
    command: kind === 'merge' ? `redline merge ${sources.map((f) => f.id).join(' ')} --to ${request.to}` : commandLine(source.id, request.to, request.options),
  };
}

export function conversions(n: number): ConversionView[] {
  const names = ['prices_2024', 'customers', 'orders_export_final_v2', 'trades_q3', 'ledger_north', 'survey_2023'];
  return Array.from({ length: n }, (_, i) => {
    const lossy = i % 5 === 1;
    const failed = i === 6;
    // A row of a predecessor's history: no certificate, no numbers.
    const old = i === n - 1 && n > 1;
    const merge = i === 3;
    const from = lossy ? 'parquet' : 'csv';
    const to = lossy ? (i % 2 ? 'csv' : 'xlsx') : i % 3 === 2 ? 'feather' : 'parquet';
    const stem = names[i % names.length]!;
    const rows = Math.max(40, 1_204_331 - i * 30_011);
    const options = old ? {} : SETS[i % SETS.length]!;
    const rejected = options.on_reject === 'report' ? 3 : 0;
    const repairs = !old && i % 4 === 1 ? [{ kind: 'short row', detail: 'Missing fields at the end became null.', count: 41, lines: [88, 90, 1_204] }] : [];
    return {
      id: n - i,
      kind: merge ? 'merge' : i === 7 ? 'query' : 'convert',
      source_id: 1200 - i,
      source_name: merge ? 'prices_2022.csv and 2 more' : i === 7 ? 'SELECT ticker, avg(price) …' : `${stem}.${from}`,
      sources: merge ? [1198, 1197, 1196].map((id, k) => ({ id, name: `prices_${2022 + k}.csv` })) : [{ id: 1200 - i, name: `${stem}.${from}` }],
      output_id: failed ? null : 1201 - i,
      output_name: merge ? 'merged.parquet' : `${stem}.${to}`,
      from,
      to,
      options,
      size_bytes: Math.max(20_000, 11_204_118 - i * 200_113),
      rows_in: old ? 0 : rows + rejected,
      rows_out: failed || old ? 0 : rows,
      rows_rejected: rejected,
      rows_left_out: 0,
      repairs,
      rejects: { count: rejected, examples: rejected ? [{ line: 4_211, column: 4, reason: 'A quote opens and is never closed.', text: '004207;03/04/2026;"Kaya Ltd;18,00;' }] : [] },
      duration_ms: old ? 0 : 840 + i * 317,
      converted_at: new Date(Date.now() - (i * 7.3 * 3_600_000 + 120_000)).toISOString(),
      certificate: {
        verdict: old ? 'unknown' : failed ? 'failed' : i === 9 ? 'unproved' : lossy ? 'lossy' : 'proved',
        losses: lossy && !old ? losses(to, rows) : [],
        columns: old || i === 9 ? [] : certificate(lossy, failed),
        rows_in: old ? 0 : rows,
        rows_out: failed || old ? 0 : rows,
        row_hash_in: old || i === 9 ? '' : fakeHash(7).slice(0, 32),
        row_hash_out: old || i === 9 ? '' : fakeHash(lossy || failed ? 8 : 7).slice(0, 32),
        changes: old ? [] : changes(options),
      },
      command: merge ? `redline merge 1198 1197 1196 --to ${to} --by name` : commandLine(1200 - i, to, options),
    };
  });
}
