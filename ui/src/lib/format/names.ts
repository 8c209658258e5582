/** Names of formats and types as people write them, and hashes in short. */
const TYPES: Record<string, string> = {
  csv: 'CSV',
  tsv: 'TSV',
  parquet: 'Parquet',
  excel: 'Excel',
  xlsx: 'Excel',
  feather: 'Feather',
  json: 'JSON',
  ndjson: 'NDJSON',
  text: 'Text',
  txt: 'Text',
  duckdb: 'DuckDB',
  sqlite: 'SQLite',
  image: 'Image',
  pdf: 'PDF',
  npz: 'NPZ',
  numpy: 'NumPy',
  archive: 'Archive',
  other: 'Other',
};

export function typeName(type: string): string {
  return TYPES[type] ?? (type.length <= 4 ? type.toUpperCase() : type.charAt(0).toUpperCase() + type.slice(1));
}

/** "just now" at the head of a sentence. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What the tag shows: the format, or the extension where there is none. */
export function formatTag(file: { format: string; filename: string }): string {
  if (file.format && file.format !== 'other') return file.format.toUpperCase();
  const dot = file.filename.lastIndexOf('.');
  const ext = dot > 0 ? file.filename.slice(dot + 1) : '';
  return /^[a-z0-9]{1,8}$/i.test(ext) ? ext.toUpperCase() : 'FILE';
}

/** `9f2c41…b07e` */
export function shortHash(sha256: string): string {
  return sha256.length > 12 ? `${sha256.slice(0, 6)}…${sha256.slice(-4)}` : sha256;
}

/** The folder part of a relative path, or an empty string. */
export function folderOf(relativePath: string): string {
  const slash = relativePath.lastIndexOf('/');
  return slash > 0 ? relativePath.slice(0, slash) : '';
}
