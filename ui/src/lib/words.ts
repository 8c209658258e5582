/** Words that more than one screen says. */
import type { FileBackup } from './contract/FileBackup';
import type { FileStatus } from './contract/FileStatus';
import type { FileView } from './contract/FileView';
import type { JobKind } from './contract/JobKind';
import type { JobState } from './contract/JobState';
import type { KeptIn } from './contract/KeptIn';
import type { Tier } from './contract/Tier';

export const TIERS: Record<Tier, string> = {
  free: 'Free',
  standard: 'Standard',
  pro: 'Pro',
  enterprise: 'Enterprise',
};

/** Where the key is, as the end of a sentence. */
export const KEPT: Record<KeptIn, string> = {
  keyring: 'in the keyring',
  passphrase_file: 'in a file, behind a passphrase',
  session_only: 'not kept on this machine',
  environment: 'from REDLINE_LICENSE_KEY',
};

export const STATUS: Record<FileStatus, { word: string; text: string }> = {
  stored: { word: 'stored', text: 'The file is here, whole.' },
  missing: {
    word: 'missing',
    text: 'The file is listed, but its contents are gone from the disk. Bring it back from a backup, add it again, or delete it from the list.',
  },
  trashed: { word: 'in the trash', text: 'It can be put back until the trash is emptied.' },
  cloud_only: { word: 'in the cloud only', text: 'Its contents are in the bucket, and come back when the file is used.' },
};

/** Whether the last restore point has a file, in a word for a list and in a sentence for its details. */
export const BACKUPS: Record<FileBackup, { word: string; text: string }> = {
  backed_up: { word: 'backed up', text: 'In the last restore point, just as it is here.' },
  changed: { word: 'changed since', text: 'The last restore point has it as it was before. The next backup sends it as it is now.' },
  newer_elsewhere: { word: 'newer elsewhere', text: 'Another device has backed up a newer one. Restore brings it here; yours goes to the trash.' },
  not_yet: { word: 'not yet', text: 'No restore point has it yet. The next backup sends it.' },
};

/** What core says in one sentence, with the full stop that some of them lack. */
export function sentence(text: string): string {
  const said = text.trim();
  return said === '' || /[.!?…:]$/.test(said) ? said : `${said}.`;
}

export const JOB_STATES: Record<Exclude<JobState, 'running'>, string> = {
  done: 'done',
  partial: 'done in part',
  failed: 'failed',
  cancelled: 'cancelled',
  interrupted: 'interrupted',
};

export const JOB_KINDS: Record<JobKind, string> = {
  import: 'Storing',
  verify: 'Verifying',
  reconcile: 'Checking the store',
  export: 'Saving copies',
  convert: 'Converting',
  backup: 'Backing up',
  restore: 'Restoring',
  undo_restore: 'Taking back a restore',
  check_backup: 'Checking the backup',
  drill: 'Trying a restore',
  retention: 'Tidying restore points',
  free: 'Freeing space',
  fetch: 'Fetching',
};

/** Rows taken over from an earlier program may have outlived what they were made of. */
export function sourceName(name: string): string {
  return name || 'a file no longer stored';
}

/** A certificate's verdict, in a word and a colour. Green is for proven alone; red for what was found to differ. */
export function verdictWords(verdict: string, losses: number): { word: string; look: 'ok' | 'warn' | 'danger' | 'muted' } {
  if (verdict === 'proved') return { word: 'proved', look: 'ok' };
  if (verdict === 'lossy') return { word: `${losses} ${losses === 1 ? 'loss' : 'losses'}, accepted`, look: 'warn' };
  if (verdict === 'failed') return { word: 'not proved', look: 'danger' };
  // Asked for without reading it back.
  if (verdict === 'unproved') return { word: 'proof left out', look: 'muted' };
  // Taken over from an earlier program, or from a newer Redline than this one: nothing is claimed.
  return { word: 'not checked', look: 'muted' };
}

/** `file_type`s that may hold a table. */
export const TABLE_TYPES = ['csv', 'tsv', 'parquet', 'json', 'ndjson', 'text', 'feather', 'excel', 'duckdb', 'sqlite', 'npz', 'numpy'];

/** Whether it is worth trying: by its type, or because its format was recognised. */
export function mayBeTable(file: Pick<FileView, 'file_type' | 'format'>): boolean {
  return TABLE_TYPES.includes(file.file_type) || FORMAT_ORDER.includes(file.format);
}

/** What each format is good for, under its name where it is chosen. */
export const FORMAT_TEXTS: Record<string, string> = {
  parquet: 'Typed columns, small, quick to read.',
  csv: 'Plain text with commas; opens everywhere, keeps no types.',
  tsv: 'Plain text with tabs; keeps no types.',
  txt: 'Plain text with any delimiter, or in Stooq’s layout.',
  ndjson: 'One JSON object a line; reads as a stream.',
  json: 'One array of objects.',
  feather: 'Arrow’s own form: every type kept, read without unpacking.',
  xlsx: 'An Excel workbook. Numbers past 15 digits go out as text.',
  duckdb: 'A DuckDB database with one table.',
  sqlite: 'An SQLite database with one table.',
  npz: 'NumPy arrays, one for each column.',
};

/** The order in which formats are offered: the commonest first, the rest as core has them. */
export const FORMAT_ORDER = ['parquet', 'csv', 'xlsx', 'json', 'ndjson', 'feather', 'tsv', 'txt', 'duckdb', 'sqlite', 'npz'];
