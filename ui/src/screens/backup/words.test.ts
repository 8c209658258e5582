import { describe, expect, it } from 'vitest';
import { checkWords } from './words';

/** `ProbeCheck::name` in crates/backup/src/probe.rs. */
const NAMES = ['write', 'read', 'range', 'list', 'multipart', 'copy', 'conditional_put', 'versioning', 'clock', 'delete'];

describe('a check of the bucket', () => {
  it('is a sentence, passed or failed', () => {
    for (const name of NAMES) {
      for (const ok of [true, false]) {
        const { text } = checkWords({ name, ok, required: true, detail: 'Something', permission: null });
        expect(text).toMatch(/^[A-Z].* .*\.$/);
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

  it('can be one that this window does not know', () => {
    expect(checkWords({ name: 'object_lock', ok: true, required: false, detail: 'On', permission: null })).toEqual({ text: 'Object lock.', detail: 'On.' });
  });
});
