export interface Target {
  format: string;
  label: string;
  text: string;
}

/** What can be asked for; whether a file can become it, its plan says. */
export const TARGETS: Target[] = [
  { format: 'parquet', label: 'Parquet', text: 'Typed columns, small, quick to read' },
  { format: 'csv', label: 'CSV', text: 'Plain text, opens everywhere' },
  { format: 'ndjson', label: 'NDJSON', text: 'One object a line' },
  { format: 'json', label: 'JSON', text: 'One array of objects' },
];

/** `file_type`s that may hold a table. */
export const TABLES = ['csv', 'parquet', 'json', 'text', 'feather', 'excel', 'duckdb'];
