import { describe, expect, it } from 'vitest';
import type { JobView } from '../../lib/contract/JobView';
import { globsOf } from './choice';
import { captionOf, numbersOf, remainsOf } from './progress';

const job = (patch: Partial<JobView>): JobView => ({
  id: '1', kind: 'backup', title: 'Backing up', state: 'running', phase: 'uploading', bytes_done: 0, bytes_total: null, items_done: 0, items_total: null, rate: null, left: null,
  started_at: '2026-11-21T09:00:00Z', finished_at: null, can_cancel: true, elsewhere: false, error: null, result: null, ...patch,
});

describe('a transfer', () => {
  it('counts what remains, and checking is a phase of its own', () => {
    expect(remainsOf(job({ bytes_done: 4e9, bytes_total: 5.2e9 }))).toBe('1.2 GB to go');
    expect(remainsOf(job({ phase: 'verifying', bytes_done: 0, bytes_total: 340e6 }))).toBe('340 MB to check');
    expect(captionOf(job({ phase: 'verifying' }))).toBe('Backing up, checking');
    expect(remainsOf(job({ phase: 'verifying', items_done: 3, items_total: 10 }))).toBe('7 files to check');
  });

  it('says that it waits for the network, and what remains meanwhile', () => {
    const waiting = job({ phase: 'waiting for the network', bytes_done: 4e9, bytes_total: 5.2e9 });
    expect(captionOf(waiting)).toBe('Backing up, waiting for the network');
    expect(remainsOf(waiting)).toBe('1.2 GB to go');
    expect(remainsOf(job({ phase: 'waiting for the network' }))).toBe('Under way');
  });

  it('never says less than nothing, nor counts where nothing is known', () => {
    expect(remainsOf(job({ bytes_done: 5, bytes_total: 4 }))).toBe('0 B to go');
    expect(remainsOf(job({ phase: 'comparing', bytes_total: 100 }))).toBe('Getting ready');
    expect(remainsOf(job({ kind: 'drill', phase: 'comparing' }))).toBe('Nearly done');
    expect(remainsOf(job({ phase: 'committing' }))).toBe('Nearly done');
    expect(remainsOf(job({}))).toBe('Under way');
    expect(captionOf(job({ phase: 'sweeping' }))).toBe('Backing up, sweeping');
    expect(captionOf(job({ phase: '' }))).toBe('Backing up');
  });

  it('says what cost nothing', () => {
    expect(numbersOf(job({ items_done: 214, items_total: 486, rate: 31e6 }), 798)).toBe('214 of 486 files · 31 MB/s · 798 unchanged, nothing sent for them');
    expect(numbersOf(job({ kind: 'restore' }), 798)).toBe('');
  });
});

describe('the choice of what to restore', () => {
  it('takes part of a name as well as a pattern', () => {
    expect(globsOf('prices')).toEqual(['**/*prices*']);
    expect(globsOf('*.csv, /reports/**\n 2024/')).toEqual(['**/*.csv', 'reports/**', '2024/**']);
    expect(globsOf(' , ')).toEqual([]);
    expect(globsOf('a{b}')).toEqual(['**/*a?b?*']);
  });
});
