import { describe, expect, it } from 'vitest';
import type { BackupStatus } from '../../lib/contract/BackupStatus';
import type { CheckNote } from '../../lib/contract/CheckNote';
import { changeWords, checkWords, grewWords, headline, missingPermissions, restorable, sortedChecks, usable } from './words';

/** `ProbeCheck::name` in crates/backup/src/probe.rs. */
const NAMES = ['write', 'read', 'range', 'list', 'multipart', 'copy', 'conditional_put', 'versioning', 'clock', 'delete'];

describe('a check of the bucket', () => {
  it('is a sentence, passed or failed', () => {
    for (const name of NAMES) {
      for (const ok of [true, false]) {
        const { text, detail } = checkWords({ name, ok, required: true, detail: 'Something', permission: null });
        expect(`${text} ${detail}`.trim()).toMatch(/^[A-Z].* .*\.$/);
        expect(text).not.toContain('_');
      }
    }
  });

  it('says what was found where that helps', () => {
    expect(checkWords({ name: 'write', ok: true, required: true, detail: 'An object was stored', permission: null }).detail).toBe('');
    expect(checkWords({ name: 'write', ok: false, required: true, detail: 'Access denied', permission: null }).detail).toBe('Access denied.');
    expect(checkWords({ name: 'clock', ok: true, required: true, detail: 'Within 2 s of the server\'s', permission: null }).detail).toBe('Within 2 s of the server\'s.');
  });

  it('has its hint as a sentence', () => {
    expect(checkWords({ name: 'write', ok: false, required: true, detail: 'The key is wrong. hint: copy both again.', permission: null }).detail).toBe('The key is wrong. Copy both again.');
  });

  it('says of a setting what it is, never that it passed', () => {
    const { text, detail } = checkWords({ name: 'versioning', ok: true, required: false, detail: 'Off; every revision is kept by its hash instead', permission: null });
    expect(`${text} ${detail}`).toBe('Versions kept by the bucket: off; every revision is kept by its hash instead.');
  });

  it('says once which right is missing', () => {
    expect(checkWords({ name: 'read', ok: false, required: true, detail: 'Access denied. hint: add it', permission: 's3:GetObject' }).detail).toBe('');
  });

  it('can be one that this window does not know', () => {
    expect(checkWords({ name: 'object_lock', ok: true, required: false, detail: 'On', permission: null })).toEqual({ text: 'Object lock.', detail: 'On.' });
  });
});

describe('the doctor', () => {
  const check = (name: string, ok: boolean, required: boolean, permission: string | null = null) => ({ name, ok, required, detail: '', permission });
  const checks = [check('write', true, true), check('delete', false, false, 's3:DeleteObject'), check('read', false, true, 's3:GetObject'), check('range', false, true, 's3:GetObject')];

  it('has first what keeps a backup from working', () => {
    expect(sortedChecks(checks).map((c) => c.name)).toEqual(['read', 'range', 'delete', 'write']);
    expect(missingPermissions(checks)).toEqual(['s3:GetObject', 's3:DeleteObject']);
  });

  it('never calls a bucket usable that was not tried', () => {
    expect(usable(checks)).toBe(false);
    expect(usable([])).toBe(false);
    expect(usable(checks.slice(0, 2))).toBe(true);
  });
});

describe('a restore point', () => {
  it('says what changed and what grew most', () => {
    expect(changeWords({ new_files: 41, changed_files: 3, removed_files: 1_204 })).toBe('41 new, 3 changed, 1,204 deleted');
    expect(changeWords({ new_files: 0, changed_files: 0, removed_files: 0 })).toBe('Nothing new');
    expect(grewWords({ grew: [{ path: 'desk/trades_q3.feather', by_bytes: 1.31e9, size_bytes: 1.31e9 }] })).toBe('trades_q3.feather added 1.31 GB');
    expect(grewWords({ grew: [{ path: 'a.csv', by_bytes: 4e6, size_bytes: 90e6 }] })).toBe('a.csv grew by 4 MB');
    expect(grewWords({ grew: [] })).toBe('');
  });

  it('is restored only when it is whole and this key’s', () => {
    const point = { id: '1', generation: 1, device: 'Desk', created_at: '', files: 1, bytes: 1, new_files: 1, changed_files: 0, removed_files: 0, uploaded_bytes: 0, problem: null, head: true, grew: [] };
    expect(restorable({ ...point, authentic: true, state: 'ready' })).toBe(true);
    expect(restorable({ ...point, authentic: false, state: 'ready' })).toBe(false);
    for (const state of ['forged', 'damaged', 'too_new'] as const) expect(restorable({ ...point, authentic: true, state })).toBe(false);
  });
});

describe('the headline', () => {
  const now = new Date('2026-11-21T12:00:00Z');
  const status = (patch: Partial<BackupStatus>): BackupStatus => ({
    bucket: null, last_backup_at: '2026-11-21T09:00:00Z', last_proven_at: null, waiting_files: 0, waiting_bytes: 0, checks: [],
    schedule: { quick_days: 1, deep_days: 30, drill_days: 7 }, undo: null, retention: null, encryption: 'off', ...patch,
  });
  const note = (patch: Partial<CheckNote>): CheckNote => ({ kind: 'drill', at: '2026-11-19T10:00:00Z', point: 'p', ok: true, findings: 0, due: null, ...patch });

  it('is green for proven alone, and says how it is known', () => {
    const said = headline(status({ last_proven_at: '2026-11-19T10:00:00Z', checks: [note({})] }), 5, now);
    expect(said).toMatchObject({ figure: 'Proven restorable', look: 'ok' });
    expect(said.text).toContain('a sample was restored from the bucket alone');
    expect(headline(status({ last_proven_at: '2026-11-19T10:00:00Z', checks: [note({ kind: 'deep' })] }), 5, now).text).toContain('every byte was read back');
    expect(headline(status({ last_proven_at: '2026-11-19T10:00:00Z' }), 5, now).text).toContain('a restore read every file back');
    for (const other of [status({}), status({ checks: [note({ kind: 'quick' })] })]) expect(headline(other, 5, now)).toMatchObject({ figure: 'Backed up, not proven yet', look: 'plain' });
  });

  it('gives way to what a later check found, and to time', () => {
    const found = headline(status({ last_proven_at: '2026-11-19T10:00:00Z', checks: [note({ kind: 'deep', at: '2026-11-20T10:00:00Z', ok: false, findings: 3 }), note({})] }), 5, now);
    expect(found).toMatchObject({ figure: 'Not restorable in full', look: 'danger' });
    expect(found.text).toContain('3 things');
    // Proven since.
    expect(headline(status({ last_proven_at: '2026-11-21T10:00:00Z', checks: [note({ kind: 'quick', at: '2026-11-20T10:00:00Z', ok: false, findings: 3 })] }), 5, now).look).toBe('ok');
    expect(headline(status({ last_proven_at: '2026-10-12T10:00:00Z' }), 5, now)).toMatchObject({ figure: 'Last proven restorable 12 Oct', look: 'warn' });
    // Nothing is overdue where nothing is scheduled.
    expect(headline(status({ last_proven_at: '2026-10-12T10:00:00Z', schedule: { quick_days: 0, deep_days: 0, drill_days: 0 } }), 5, now).look).toBe('ok');
  });

  it('is honest where there is nothing yet', () => {
    expect(headline(status({ last_backup_at: null }), 12, now).text).toContain('12 restore points');
    expect(headline(status({ last_backup_at: null }), 0, now).figure).toBe('Nothing backed up yet');
    expect(headline(status({ last_backup_at: null }), null, now).figure).toBe('Nothing backed up yet');
  });
});
