/** Plans, certificates and a history. */
import type { CertificateColumn } from '../contract/CertificateColumn';
import type { ColumnProfileView } from '../contract/ColumnProfileView';
import type { ConversionPlanView } from '../contract/ConversionPlanView';
import type { ConversionView } from '../contract/ConversionView';
import type { ErrorReport } from '../contract/ErrorReport';
import type { FileView } from '../contract/FileView';
import type { LossView } from '../contract/LossView';
import { fakeHash } from './catalog';

const COLUMNS: ColumnProfileView[] = [
  { name: 'id', type_name: 'integer', evidence: 'all 1,204,331 values print back the same', nulls: 0 },
  { name: 'ticker', type_name: 'text', evidence: '503 distinct', nulls: 0 },
  { name: 'ts', type_name: 'timestamp, UTC', evidence: 'ISO 8601 with seconds, every row', nulls: 0 },
  { name: 'zip', type_name: 'text', evidence: 'stays text: 4,102 values begin with 0', nulls: 12 },
  { name: 'price', type_name: 'decimal(9,4)', evidence: '4 places at most, no exponent', nulls: 0 },
  { name: 'volume', type_name: 'bigint', evidence: 'up to 9,223,372,036', nulls: 31 },
  { name: 'venue', type_name: 'text', evidence: '12 distinct', nulls: 0 },
  { name: 'note', type_name: 'text', evidence: 'free text, quotes inside', nulls: 1_190_442 },
];
const LOSSES: LossView[] = [
  { column: 'note', kind: 'null_versus_empty', detail: 'CSV cannot tell an empty text from no value; both become empty.', rows: 1_190_442 },
  { column: 'ts', kind: 'type', detail: 'The time zone is written out; the type itself is not kept.', rows: 1_204_331 },
];

export function plan(file: FileView, to: string): ConversionPlanView {
  if (!['csv', 'parquet', 'json'].includes(file.format)) {
    const error: ErrorReport = {
      code: 'unsupported',
      message: `Cannot convert “${file.filename}”: ${file.format.toUpperCase()} is not a format Redline reads as a table yet.`,
      hint: 'Choose a CSV, Parquet or JSON file.',
      retryable: false,
    };
    throw error;
  }
  const stem = file.filename.replace(/\.[^.]+$/, '');
  return {
    file_id: file.id,
    from: file.format,
    to,
    output_name: `${stem}.${to}`,
    profile: {
      format: file.format,
      encoding: 'UTF-8',
      delimiter: file.format === 'csv' ? ',' : null,
      rows: typeof file.metadata.rows === 'number' ? file.metadata.rows : 48_022,
      columns: COLUMNS,
      warnings: file.format === 'csv' ? ['2 lines have a stray quote; their text is kept whole.'] : [],
    },
    losses: to === 'csv' ? LOSSES : [],
  };
}

function certificate(lossy: boolean): CertificateColumn[] {
  return COLUMNS.map((c, i) => ({
    name: c.name,
    type_in: c.type_name,
    type_out: lossy ? 'text' : c.type_name,
    nulls_in: c.nulls,
    nulls_out: lossy && c.name === 'note' ? 0 : c.nulls,
    hash_in: fakeHash(i).slice(0, 16),
    hash_out: fakeHash(lossy && c.name === 'note' ? i + 90 : i).slice(0, 16),
  }));
}

export function conversions(n: number, of?: { source: FileView; to: string; lossy: boolean }): ConversionView[] {
  const names = ['prices_2024', 'customers', 'orders_export_final_v2', 'trades_q3', 'ledger_north', 'survey_2023'];
  return Array.from({ length: n }, (_, i) => {
    const lossy = of ? of.lossy : i % 5 === 1;
    const failed = !of && i === 6;
    // A row of a predecessor's history: no certificate, no numbers.
    const old = !of && i === n - 1 && n > 1;
    const from = of?.source.format ?? (lossy ? 'parquet' : 'csv');
    const to = of?.to ?? (lossy ? 'csv' : 'parquet');
    const stem = of ? of.source.filename.replace(/\.[^.]+$/, '') : names[i % names.length]!;
    const rows = of && typeof of.source.metadata.rows === 'number' ? of.source.metadata.rows : 1_204_331 - i * 30_011;
    return {
      id: n - i,
      source_id: of?.source.id ?? 1200 - i,
      source_name: `${stem}.${from}`,
      output_id: failed ? null : 1201 - i,
      output_name: `${stem}.${to}`,
      from,
      to,
      size_bytes: 11_204_118 - i * 200_113,
      rows_in: old ? 0 : rows,
      rows_out: failed || old ? 0 : rows,
      rows_rejected: failed ? 14 : 0,
      duration_ms: old ? 0 : 840 + i * 317,
      converted_at: new Date(Date.now() - (of ? 0 : i * 7.3 * 3_600_000 + 120_000)).toISOString(),
      certificate: {
        verdict: old ? 'unknown' : failed ? 'failed' : lossy ? 'lossy' : 'proved',
        losses: lossy && !old ? LOSSES : [],
        columns: old ? [] : certificate(lossy),
      },
      command: `redline convert ${of?.source.id ?? 1200 - i} --to ${to}`,
    };
  });
}
