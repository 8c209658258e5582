import { describe, expect, it } from 'vitest';
import type { GrowthPoint } from '../../lib/contract/GrowthPoint';
import { daysToLimit, drawChart, seriesOf, shareWords, valuesAt } from './chart';

const GB = 1e9;
const point = (day: string, types: Record<string, number>): GrowthPoint => ({
  day,
  by_type: Object.entries(types).map(([file_type, bytes]) => ({ file_type, files: 1, bytes })),
});
const growth = [
  point('2026-09-01', { csv: 1 * GB }),
  point('2026-10-01', { csv: 2 * GB, parquet: 1 * GB }),
  point('2026-11-01', { csv: 3 * GB, parquet: 1 * GB, pdf: 0.1 * GB, json: 0.2 * GB, excel: 0.3 * GB, feather: 0.05 * GB }),
];

describe('growth', () => {
  it('gives the four largest types a colour and sums the rest', () => {
    const series = seriesOf(growth);
    expect(series).toEqual(['csv', 'parquet', 'excel', 'json', 'other']);
    const last = valuesAt(growth[2]!, series);
    expect(last[4]).toBeCloseTo(0.15 * GB);
    expect(last.reduce((a, b) => a + b)).toBeCloseTo(4.65 * GB);
  });

  it('forecasts from the pace of the last two months only when it leads to the limit', () => {
    const days = daysToLimit(growth, 10 * GB);
    // 1.65 GB in the 31 days since 1 October leaves 5.35 GB for some 100 days.
    expect(days).toBeGreaterThan(95);
    expect(days).toBeLessThan(105);
    expect(daysToLimit(growth, 4 * GB)).toBeNull();
    expect(daysToLimit([...growth].reverse().map((p, i) => ({ ...p, day: growth[i]!.day })), 10 * GB)).toBeNull();
    expect(daysToLimit(growth.slice(0, 1), 10 * GB)).toBeNull();
  });

  it('draws the limit inside the picture, above everything stored', () => {
    const chart = drawChart(growth, 6 * GB, 600, 200)!;
    expect(chart.limit).toBeGreaterThan(0);
    expect(chart.limit).toBeLessThan(200 * 0.1);
    expect(chart.layers).toHaveLength(5);
    expect(chart.forecast?.to[1]).toBeCloseTo(chart.limit!, 0);
    // Further off than the picture is wide: to scale, so it ends short of the limit.
    const far = drawChart(growth, 10 * GB, 600, 200)!;
    expect(far.forecast!.to[1]).toBeGreaterThan(far.limit! + 10);
    expect(far.forecast!.to[1]).toBeLessThan(far.forecast!.from[1]);
  });

  it('breaks the axis under a limit that would flatten the picture', () => {
    const chart = drawChart(growth, 10_000 * GB, 600, 200)!;
    expect(chart.broken).toBe(true);
    expect(chart.limit).toBeLessThan(Math.min(...chart.ticks.map((t) => t.y)));
    expect(chart.forecast).toBeNull();
    expect(drawChart(growth, 6 * GB, 600, 200)!.broken).toBe(false);
    expect(drawChart(growth, null, 600, 200)!.limit).toBeNull();
  });

  it('gives a single day its slot in a fortnight, and draws nothing for none', () => {
    const chart = drawChart(growth.slice(0, 1), null, 700, 200)!;
    expect(chart.first).toBe('2026-08-19');
    expect(chart.last).toBe('2026-09-01');
    expect(chart.layers[0]!.path).toMatch(/^M650\.0,[\d.]+L700\.0,[\d.]+L700\.0,200\.0L650\.0,200\.0Z$/);
    expect(drawChart([], null, 600, 200)).toBeNull();
  });

  it('holds what was stored last until today', () => {
    const chart = drawChart(growth, null, 600, 200, '2026-11-20')!;
    expect(chart.last).toBe('2026-11-20');
    expect(chart.lastX).toBe(600);
    expect(daysToLimit(growth, 10 * GB, Date.parse('2026-11-20'))).toBeGreaterThan(daysToLimit(growth, 10 * GB)!);
  });

  it('says the share of the limit, never as nothing', () => {
    expect(shareWords(2.3e6, 10 * GB)).toBe('under 0.1%');
    expect(shareWords(0, 10 * GB)).toBe('0%');
    expect(shareWords(0.43 * GB, 10 * GB)).toBe('4.3%');
    expect(shareWords(6.2 * GB, 10 * GB)).toBe('62%');
    expect(shareWords(9.999 * GB, 10 * GB)).toBe('99.9%');
  });
});
