import { describe, expect, it } from 'vitest';
import { asLimit, typedLimit } from './limit';
import { nextTry } from './words';

describe('the bandwidth limit', () => {
  it('is megabytes in the form and bytes in the settings', () => {
    expect(asLimit('5')).toBe(5_000_000);
    expect(asLimit(' 0.25 ')).toBe(250_000);
    for (const bytes of [1, 250_000, 5_000_000]) expect(asLimit(typedLimit(bytes))).toBe(bytes);
    expect([typedLimit(10_000_000), typedLimit(1)]).toEqual(['10', '0.000001']);
  });

  it('is never nothing by accident: 0 would lift it', () => {
    for (const typed of ['', '0', '0.0', '-1', 'fast', '1,5', '1e3', '0.0000001']) expect(asLimit(typed)).toBeNull();
  });
});

describe('the next try of an automatic backup', () => {
  const now = new Date('2026-11-21T12:00:00');
  it('is said only where there is one', () => {
    const at = new Date('2026-11-21T12:08:00').toISOString();
    expect(nextTry({ automatic: true, paused: false, next_at: at }, now)).toBe('Tried again today 12:08.');
    expect(nextTry({ automatic: true, paused: false, next_at: null }, now)).toContain('back up by hand');
    expect(nextTry({ automatic: true, paused: true, next_at: at }, now)).toContain('once transfers go on');
    expect(nextTry({ automatic: false, paused: false, next_at: at }, now)).toContain('switched off');
  });
});
