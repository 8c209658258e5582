import { describe, expect, it } from 'vitest';
import { asFreeRule, asRules, same, SUGGESTED, typedRules } from './keep';
import { viewOf } from './views';

describe('keep rules as typed', () => {
  const typed = (patch: object) => asRules({ ...typedRules(SUGGESTED), ...patch });

  it('are four whole numbers, an empty one being none', () => {
    expect(typed({})).toEqual(SUGGESTED);
    expect(typed({ daily: '' })).toEqual({ ...SUGGESTED, daily: 0 });
    for (const bad of ['x', '-1', '1.5', '1e3', '999999']) expect(typed({ last: bad })).toBeNull();
  });

  it('always keep something', () => {
    expect(typed({ last: '0', daily: '0', weekly: '', monthly: '0' })).toBeNull();
    expect(same(SUGGESTED, { ...SUGGESTED })).toBe(true);
    expect(same(SUGGESTED, { ...SUGGESTED, monthly: 1 })).toBe(false);
    expect(same(SUGGESTED, null)).toBe(false);
  });
});

describe('the rule for local space', () => {
  it('is in megabytes as people say them, and in whole days', () => {
    expect(asFreeRule({ megabytes: '100', days: ' 90 ' })).toEqual({ larger_than_bytes: 100_000_000, older_than_days: 90 });
    expect(asFreeRule({ megabytes: '0.5', days: '0' })).toEqual({ larger_than_bytes: 500_000, older_than_days: 0 });
    for (const bad of [{ megabytes: '', days: '1' }, { megabytes: 'x', days: '1' }, { megabytes: '1', days: '1.5' }, { megabytes: '-1', days: '1' }]) expect(asFreeRule(bad)).toBeNull();
  });
});

describe('the address within the screen', () => {
  it('is a part of it, a restore point, or a file that wants to come back', () => {
    expect(viewOf('')).toEqual({ view: 'overview', detail: '' });
    expect(viewOf('proof')).toEqual({ view: 'proof', detail: '' });
    expect(viewOf('point:0000-desk')).toEqual({ view: 'overview', detail: '0000-desk' });
    expect(viewOf('restore:a/b: c.csv')).toEqual({ view: 'restore', detail: 'a/b: c.csv' });
    expect(viewOf('nonsense')).toEqual({ view: 'overview', detail: '' });
  });
});
