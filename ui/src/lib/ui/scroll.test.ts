import { describe, expect, it } from 'vitest';
import { barOf, isScaled, MAX_PX, maxTop, revealed, ringed, sizerOf, span, topOf, type Way } from './scroll';

const way = (rows: number, room = 700): Way => ({ full: rows * 35, room });

describe('the way of a scroll bar', () => {
  it('is pixel for pixel while a browser can scroll it', () => {
    const short = way(1_000);
    expect(isScaled(short)).toBe(false);
    expect(barOf(1234, short)).toBe(1234);
    expect(topOf(1234, short)).toBe(1234);
  });

  it('never asks a browser for more than it can scroll, and reaches both ends of 50,000,000 rows', () => {
    const long = way(50_000_000);
    expect(sizerOf(long)).toBe(MAX_PX);
    expect(topOf(0, long)).toBe(0);
    expect(topOf(MAX_PX - long.room, long)).toBe(maxTop(long));
    expect(barOf(maxTop(long), long)).toBe(MAX_PX - long.room);
    const last = span(maxTop(long), long.room, 35, 50_000_000, 0);
    expect(last.last).toBe(49_999_999);
  });

  it('leads back to the same place, whatever the length', () => {
    for (const rows of [1, 20, 285_714, 285_715, 10_000_000, 50_000_000, 2_000_000_000]) {
      const of = way(rows);
      for (const share of [0, 0.1, 1 / 3, 0.5, 0.999, 1]) {
        const top = maxTop(of) * share;
        expect(Math.abs(topOf(barOf(top, of), of) - top)).toBeLessThan(0.01 + of.full * 1e-12);
      }
    }
  });

  it('stays at the top of a list that fits its view', () => {
    const fits = { full: 350, room: 700 };
    expect(maxTop(fits)).toBe(0);
    expect(topOf(0, fits)).toBe(0);
    expect(span(0, 700, 35, 10, 4)).toEqual({ first: 0, last: 9 });
  });

  it('has no rows to show of an empty list', () => {
    const none = span(0, 700, 35, 0, 4);
    expect(none.last).toBeLessThan(none.first);
  });

  it('keeps a row in its slot for as long as it is in view', () => {
    const at = (first: number) => Array.from({ length: 7 }, (_, slot) => ringed(slot, first, 7));
    expect([...at(49_999_990)].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6].map((i) => 49_999_990 + i));
    const [before, after] = [at(100), at(102)];
    expect(before.filter((row, slot) => row !== after[slot])).toHaveLength(2);
  });

  it('moves no further than needed to bring a row into view', () => {
    expect(revealed(100, 700, 140, 175)).toBe(100);
    expect(revealed(100, 700, 35, 70)).toBe(35);
    expect(revealed(100, 700, 800, 835)).toBe(135);
  });
});
