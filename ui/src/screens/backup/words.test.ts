import { describe, expect, it } from 'vitest';
import { changeWords, checkWords, grewWords, missingPermissions, restorable, sortedChecks, usable } from './words';

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
    const point = { id: '1', generation: 1, device: 'Desk', created_at: '', files: 1, bytes: 1, new_files: 1, changed_files: 0, removed_files: 0, uploaded_bytes: 0, problem: null, head: true, grew: [], encrypted: false };
    expect(restorable({ ...point, authentic: true, state: 'ready' })).toBe(true);
    expect(restorable({ ...point, authentic: false, state: 'ready' })).toBe(false);
    for (const state of ['forged', 'damaged', 'too_new', 'locked'] as const) expect(restorable({ ...point, authentic: true, state })).toBe(false);
  });
});
