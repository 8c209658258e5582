import { describe, expect, it } from 'vitest';
import { countWords, endsOf } from './spread';

const ranges = [
  { low: '0.5', high: '10', count: 3 },
  { low: '10', high: '97.25', count: 7 },
];

describe('the ends of a histogram', () => {
  it('are the column’s own where the sample reached them', () => {
    expect(endsOf(ranges, '0.50', '97.2500')).toEqual({ low: '0.50', high: '97.2500', beyond: '' });
  });

  it('never pass for the column’s where the sample did not reach them', () => {
    expect(endsOf(ranges, '0.5', '12000')).toEqual({ low: '0.5', high: '97.25', beyond: 'Drawn from a sample; the column goes up to 12000.' });
    expect(endsOf(ranges, '-3', '97.25').beyond).toBe('Drawn from a sample; the column begins at -3.');
    expect(endsOf(ranges, '-3', '12000').beyond).toBe('Drawn from a sample; the column goes from -3 to 12000.');
  });

  it('keep every digit of integers that a drawing cannot tell apart', () => {
    expect(endsOf([{ low: '9007199254740992', high: '9007199254740996', count: 4 }], '9007199254740993', '9007199254740996').low).toBe('9007199254740993');
  });

  it('of days are compared as they are written', () => {
    const days = [{ low: '2024-01-02', high: '2024-12-30', count: 9 }];
    expect(endsOf(days, '2024-01-02', '2024-12-31').beyond).toContain('2024-12-31');
    expect(endsOf(days, null, null)).toEqual({ low: '2024-01-02', high: '2024-12-30', beyond: '' });
  });
});

describe('a count of a histogram', () => {
  it('is exact for few rows and an estimate for many', () => {
    expect(countWords(3, 10)).toBe('3 rows, 30 %');
    expect(countWords(120, 1_204_331)).toBe('about 120 rows, under 0.1 %');
  });
});
