import { describe, expect, it } from 'vitest';
import type { BackupStatus } from './contract/BackupStatus';
import type { CheckNote } from './contract/CheckNote';
import { headline } from './proof';

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

  it('claims nothing of a backup that cannot be opened here', () => {
    expect(headline(status({ last_proven_at: '2026-11-21T10:00:00Z', encryption: 'locked' }), 5, now)).toMatchObject({ figure: 'Locked', look: 'warn' });
  });

  it('is honest where there is nothing yet', () => {
    expect(headline(status({ last_backup_at: null }), 12, now).text).toContain('12 restore points');
    expect(headline(status({ last_backup_at: null }), 0, now).figure).toBe('Nothing backed up yet');
    expect(headline(status({ last_backup_at: null }), null, now).figure).toBe('Not backed up from here yet');
  });
});
