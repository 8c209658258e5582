import { describe, expect, it } from 'vitest';
import { columnType, evidenceWords, formatBytes, formatBytesOf, formatCount, formatDay, formatDuration, formatMoment, formatTag, formatTimeLeft, formatWhen, plural, readKey, shellWords, shortHash } from '.';

describe('bytes, in decimal units', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 kB'],
    [612_304, '612 kB'],
    [999_499, '999 kB'],
    [999_600, '1 MB'],
    [6_104_882, '6.1 MB'],
    [88_412_906, '88.4 MB'],
    [402_112_512, '402 MB'],
    [1_310_442_016, '1.31 GB'],
    [10_000_000_000, '10 GB'],
    [2_200_000_000_000, '2.2 TB'],
  ])('%d is %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it('says a part in the unit of the whole', () => {
    expect(formatBytesOf(1_900_000_000, 3_100_000_000)).toBe('1.9 of 3.1 GB');
    expect(formatBytesOf(0, 10_000_000_000)).toBe('0 of 10 GB');
    expect(formatBytesOf(612, 10_000_000_000)).toBe('612 B of 10 GB');
    expect(formatBytesOf(2_202_000_000_000, 10_000_000_000)).toBe('2.2 TB of 10 GB');
  });
});

describe('counts', () => {
  it('groups and counts', () => {
    expect(formatCount(1_204_331)).toBe('1,204,331');
    expect(plural(1, 'file')).toBe('1 file');
    expect(plural(0, 'copy', 'copies')).toBe('0 copies');
  });
});

describe('dates, relative within two days', () => {
  const now = new Date(2026, 10, 21, 15, 0, 0);
  const at = (...parts: [number, number, number, number?, number?, number?]) => new Date(...(parts as [number, number, number])).toISOString();

  it.each([
    [new Date(2026, 10, 21, 14, 59, 40), 'just now'],
    [new Date(2026, 10, 21, 14, 59, 0), '1 minute ago'],
    [new Date(2026, 10, 21, 14, 0, 20), '59 minutes ago'],
    [new Date(2026, 10, 21, 14, 58, 0), '2 minutes ago'],
    [new Date(2026, 10, 21, 14, 0, 0), '1 hour ago'],
    [new Date(2026, 10, 21, 0, 1, 0), '14 hours ago'],
    [new Date(2026, 10, 20, 23, 59, 0), 'Yesterday'],
    [new Date(2026, 10, 20, 0, 0, 0), 'Yesterday'],
    [new Date(2026, 10, 19, 23, 59, 0), '19 Nov'],
    [new Date(2025, 10, 19), '19 Nov 2025'],
  ])('%s is %s', (date, text) => expect(formatWhen(date.toISOString(), now)).toBe(text));

  it('keeps "minutes ago" across midnight', () => {
    const early = new Date(2026, 10, 21, 0, 10);
    expect(formatWhen(at(2026, 10, 20, 23, 50), early)).toBe('20 minutes ago');
  });

  it('says the moment in details', () => {
    expect(formatMoment(new Date(2026, 10, 21, 9, 12).toISOString(), now)).toBe('today 09:12');
    expect(formatMoment(new Date(2026, 10, 20, 18, 40).toISOString(), now)).toBe('yesterday 18:40');
    expect(formatMoment(new Date(2026, 10, 19, 18, 2).toISOString(), now)).toBe('19 Nov 18:02');
    expect(formatDay('2026-11-19', now)).toBe('19 Nov');
  });

  it('shows a text that is no date as it is', () => expect(formatWhen('soon', now)).toBe('soon'));
});

describe('time left, an honest range', () => {
  it.each([
    [0, 0, 'less than 1 s'],
    [2, 2, 'about 2 s'],
    [1, 4, '1 to 4 s'],
    [38, 61, '40 to 60 s'],
    [61, 118, '1 to 2 minutes'],
    [170, 185, 'about 3 minutes'],
    [3000, 8000, '1 to 2 hours'],
    [10_800, 10_900, 'about 3 hours'],
  ])('%d to %d s is "%s"', (low_s, high_s, text) => expect(formatTimeLeft({ low_s, high_s })).toBe(text));

  it('says what it took', () => {
    expect(formatDuration(84)).toBe('84 ms');
    expect(formatDuration(2400)).toBe('2.4 s');
    expect(formatDuration(59_990)).toBe('1 min');
    expect(formatDuration(200_000)).toBe('3 min 20 s');
    expect(formatDuration(3_900_000)).toBe('1 h 5 min');
  });
});

describe('pasted keys', () => {
  const key = 'RL-ABCD1234-EFGH5678-IJKL9012';
  it.each([
    [key],
    [key.toLowerCase()],
    [`  ${key}\n`],
    ['ABCD1234 EFGH5678 IJKL9012'],
    ['rl abcd1234efgh5678ijkl9012'],
    ['RL\u2013ABCD1234\u2013EFGH5678\u2013IJKL9012'],
    [`"${key}",`],
  ])('%j is whole', (typed) => expect(readKey(typed)).toEqual({ key, hint: '' }));

  it('reads 24 characters that happen to begin with RL', () =>
    expect(readKey('RLCD1234EFGH5678IJKL9012').key).toBe('RL-RLCD1234-EFGH5678-IJKL9012'));

  it('says what is missing, too much, or odd', () => {
    expect(readKey('')).toEqual({ key: null, hint: '' });
    expect(readKey('RL-ABCD').hint).toBe('4 of 24 characters; 20 to go.');
    expect(readKey(`${key}X`).hint).toContain('1 too many');
    expect(readKey('RL-ÄBCD').hint).toContain('Ä');
  });
});

describe('names', () => {
  it('shortens a hash and finds a tag', () => {
    expect(shortHash(`9f2c41${'0'.repeat(54)}b07e`)).toBe('9f2c41…b07e');
    expect(shortHash('')).toBe('');
    expect(formatTag({ format: 'csv', filename: 'a.csv' })).toBe('CSV');
    expect(formatTag({ format: 'other', filename: 'a.tar.zst' })).toBe('ZST');
    expect(formatTag({ format: 'other', filename: 'Makefile' })).toBe('FILE');
  });
});

describe('a column', () => {
  it('has a type that a person would say', () => {
    const said = ['BIGINT', 'DECIMAL(6,2)', 'DECIMAL(6,1)', 'DECIMAL(12,0)', 'VARCHAR', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE', 'BOOLEAN', 'STRUCT(a INTEGER)'].map(columnType);
    expect(said).toEqual(['integer', 'decimal, 2 places', 'decimal, 1 place', 'integer', 'text', 'date and time', 'date and time, with zone', 'true or false', 'STRUCT(a INTEGER)']);
  });

  it('gives its evidence in the same words', () => {
    expect(evidenceWords('as TIMESTAMP, 5 of 5 values would be altered')).toBe('as date and time, 5 of 5 values would be altered');
    expect(evidenceWords('as DECIMAL(6,2), 5 of 5 values would be altered')).toBe('as decimal, 2 places, 5 of 5 values would be altered');
    expect(evidenceWords('4,286 values begin with 0')).toBe('4,286 values begin with 0');
    expect(evidenceWords('text')).toBe('text throughout');
  });
});

describe('a line for a shell', () => {
  it.each([
    ['redline convert 57 --to parquet', ['redline', 'convert', '57', '--to', 'parquet']],
    ["redline convert 57 --set 'filter=a > 1' --set null=", ['redline', 'convert', '57', '--set', "'filter=a > 1'", '--set', 'null=']],
    ["redline query 'SELECT '\\''a b'\\'', \"c d\"' --to csv", ['redline', 'query', "'SELECT '\\''a b'\\'', \"c d\"'", '--to', 'csv']],
    ['a "b \\" c" d\\ e', ['a', '"b \\" c"', 'd\\ e']],
    ["an 'open end", ['an', "'open end"]],
  ])('%s is cut between its words', (line, words) => {
    expect(shellWords(line)).toEqual(words);
    expect(shellWords(line).join(' ')).toBe(line);
  });
});
