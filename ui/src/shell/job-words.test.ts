import { describe, expect, it } from 'vitest';
import type { JobView } from '../lib/contract/JobView';
import { hasDetails, inView, outcomeWords, progressShare, progressWords, titleWords } from './job-words';

const job = (patch: Partial<JobView>): JobView => ({
  id: '1',
  kind: 'import',
  title: 'Storing 3 files',
  state: 'running',
  phase: 'copying',
  bytes_done: 0,
  bytes_total: null,
  items_done: 0,
  items_total: null,
  rate: null,
  left: null,
  started_at: '2026-11-21T09:00:00Z',
  finished_at: null,
  can_cancel: true,
  elsewhere: false,
  error: null,
  result: null,
  ...patch,
});

describe('a running job', () => {
  it('gives its numbers, and none it does not have', () => {
    expect(progressWords(job({ bytes_done: 1.9e9, bytes_total: 3.1e9, rate: 640e6, left: { low_s: 2, high_s: 2 } }))).toBe('1.9 of 3.1 GB · 640 MB/s · about 2 s');
    expect(progressWords(job({}))).toBe('');
    expect(progressWords(job({ items_done: 12 }))).toBe('12');
  });

  it('fills its bar by bytes, else by items, else not at all', () => {
    expect(progressShare(job({ bytes_done: 1, bytes_total: 4, items_done: 1, items_total: 1 }))).toEqual({ done: 1, total: 4 });
    expect(progressShare(job({ bytes_total: 0, items_done: 2, items_total: 3 }))).toEqual({ done: 2, total: 3 });
    expect(progressShare(job({})).total).toBeNull();
  });
});

describe('an ended job', () => {
  const imported = { imported_count: 6, imported_bytes: 1.9e9, skipped_count: 2, failed_count: 1, imported: [], skipped: [], failed: [] };

  it('says each outcome of an import', () => {
    const ended = job({ state: 'partial', result: { type: 'import', value: imported } });
    expect(outcomeWords(ended)).toEqual({ text: '1.9 GB · 2 stored already · 1 failed', look: 'warn' });
    expect(hasDetails(ended)).toBe(true);
  });

  it('is green only for what was proven', () => {
    const verify = (missing: number) => job({ kind: 'verify', state: 'done', result: { type: 'verify', value: { ok: 5, changed: [], missing: Array(missing).fill({}), unreadable: [] } } });
    expect(outcomeWords(verify(0)).look).toBe('ok');
    expect(outcomeWords(verify(1)).look).toBe('warn');
    expect(outcomeWords(job({ state: 'done', result: { type: 'import', value: { ...imported, failed_count: 0 } } })).look).toBe('plain');
  });

  it('has a title that says what came of it', () => {
    expect(titleWords(job({}))).toBe('Storing 3 files');
    const ended = (patch: Partial<JobView>) => titleWords(job({ state: 'done', ...patch }));
    const stored = (patch: object) => ended({ title: 'Storing 3 items', result: { type: 'import', value: { ...imported, ...patch } } });
    expect(stored({ imported_count: 3, skipped_count: 0, failed_count: 0 })).toBe('Stored 3 files');
    expect(stored({ imported_count: 0 })).toBe('Stored nothing new');
    expect(stored({ imported_count: 0, skipped_count: 0 })).toBe('Stored nothing');
    expect(ended({ title: 'Backing up to "acme-redline"' })).toBe('Backed up to acme-redline');
    expect(ended({ title: 'Restoring from "acme-redline"', state: 'partial' })).toBe('Restored from acme-redline');
    expect(ended({ title: 'Converting "sales 2026.csv" to Parquet', state: 'cancelled' })).toBe('Stopped converting sales 2026.csv to Parquet');
    expect(ended({ title: 'Saving a copy of "a.csv"', state: 'failed' })).toBe('Could not save a copy of a.csv');
    expect(ended({ title: 'Storing 3 items', state: 'interrupted' })).toBe('Interrupted while storing 3 items');
    expect(ended({ title: 'Verifying', result: { type: 'verify', value: { ok: 1284, changed: [], missing: [], unreadable: [] } } })).toBe('Verified 1,284 files');
    expect(ended({ kind: 'undo_restore', title: 'Taking back a restore' })).toBe('Took back a restore');
    expect(ended({ kind: 'drill', title: 'Trying a restore from "acme"', state: 'failed' })).toBe('Could not try a restore from acme');
    // A kind of job this window does not know yet.
    expect(ended({ title: 'Dusting the shelves' })).toBe('Dusting the shelves');
  });

  it('says of a backup what has to be known of it', () => {
    const backup = { manifest: 'm', generation: 4, uploaded_files: 2, uploaded_bytes: 99.6e6, requests: 11, seconds: 4, left_out: [], removed_files: 0, merged_devices: [], conflicts: [], skipped_points: [], in_the_clear: null, without_copy: null };
    const ended = (patch: object) => job({ kind: 'backup', state: 'done', result: { type: 'backup', value: { ...backup, ...patch } } });
    expect(outcomeWords(ended({}))).toEqual({ text: 'Restore point made: 2 files sent, 99.6 MB', look: 'plain' });
    const met = ended({ merged_devices: ['Laptop'], conflicts: [{ path: 'a.csv', kept_as: 'a (from Laptop).csv', device: 'Laptop' }] });
    expect(outcomeWords(met)).toEqual({ text: 'Restore point made: 2 files sent, 99.6 MB · 1 file kept side by side · taken in from Laptop', look: 'warn' });
    expect(hasDetails(met)).toBe(true);
    const clear = ended({ in_the_clear: 'Restore points from before are not encrypted.' });
    expect(outcomeWords(clear)).toEqual({ text: 'Restore point made: 2 files sent, 99.6 MB · not all in the bucket is encrypted', look: 'warn' });
    expect(hasDetails(clear)).toBe(true);
    // Nothing is lost by it, so it is no warning.
    const uncopied = ended({ without_copy: { files: 1, paths: ['a.csv'], note: '“a.csv” has no readable copy.' } });
    expect(outcomeWords(uncopied)).toEqual({ text: 'Restore point made: 2 files sent, 99.6 MB · 1 without a readable copy', look: 'plain' });
    expect(hasDetails(ended({}))).toBe(false);
    expect(hasDetails(uncopied)).toBe(true);
    expect(outcomeWords(job({ kind: 'backup', state: 'cancelled' })).text).toContain('goes on from there');
  });

  it('calls a backup proven only when its bytes were read', () => {
    const check = (kind: 'quick' | 'deep', ok: boolean) => job({ kind: 'check_backup', state: 'done', result: { type: 'check_backup', value: { kind, point: 'p', created_at: '', ok, files: 1_284, objects: 1_301, bytes: 5e9, findings: ok ? [] : [{ path: 'a.csv', missing: true, advice: 'Back up again.' }], skipped_points: [] } } });
    expect(outcomeWords(check('deep', true)).look).toBe('ok');
    expect(outcomeWords(check('quick', true))).toEqual({ text: '1,301 objects, all there', look: 'plain' });
    expect(outcomeWords(check('quick', false))).toEqual({ text: '1 thing a restore would stumble over', look: 'danger' });
    const drill = job({ kind: 'drill', state: 'done', result: { type: 'drill', value: { point: 'p', created_at: '', ok: true, files: 40, bytes: 4e8, sampled: [], table: { path: 'a.csv', rows: 4, columns: 2 }, catalog_files: 9, findings: [], seconds: 2 } } });
    expect(outcomeWords(drill)).toEqual({ text: 'Proven restorable: 40 files and 1 table from the bucket alone, every byte equal', look: 'ok' });
  });

  it('gives the error in the words it came in', () => {
    const error = { code: 'disk_full' as const, message: 'Could not store "q3.csv": the disk is full.', hint: 'Free some space.', retryable: true };
    expect(outcomeWords(job({ state: 'failed', error })).text).toBe(error.message);
  });
});

describe('the tray, before it is asked for all', () => {
  const running = (count: number) => Array.from({ length: count }, (_, i) => job({ id: `r${i}` }));
  const ids = (jobs: JobView[]) => jobs.map((j) => j.id).join(' ');
  const quiet = job({ id: 'quiet', kind: 'verify', state: 'done', result: { type: 'verify', value: { ok: 5, changed: [], missing: [], unreadable: [] } } });
  const telling = job({ id: 'telling', state: 'failed', error: { code: 'internal', message: 'No.', hint: '', retryable: false } });

  it('shows the work in progress, and what has ended where there is room', () => {
    expect(ids(inView(running(5), [quiet], 900))).toBe('r0 r1 r2');
    expect(ids(inView(running(1), [quiet, telling], 900))).toBe('r0 quiet');
    expect(ids(inView([], [quiet, telling, quiet], 900))).toBe('quiet telling');
    expect(ids(inView(running(1), [quiet, telling], 600))).toBe('r0');
    expect(inView([], [], 600)).toEqual([]);
  });

  it('keeps the way into the results of what ended last, however small the window', () => {
    expect(ids(inView(running(1), [telling, quiet], 600))).toBe('r0 telling');
    expect(ids(inView(running(4), [telling, quiet], 600))).toBe('r0 r1 r2 telling');
    expect(ids(inView([], [telling, quiet], 600))).toBe('telling');
  });
});
