import { describe, expect, it } from 'vitest';
import type { GrowthPoint } from '../../lib/contract/GrowthPoint';
import { daysToLimit, drawChart, seriesOf, valuesAt } from './chart';

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

  it('leaves the limit out where it would flatten the picture', () => {
    const chart = drawChart(growth, 10_000 * GB, 600, 200)!;
    expect(chart.limit).toBeNull();
    expect(chart.forecast).toBeNull();
  });

  it('draws a single day, and nothing for none', () => {
    expect(drawChart(growth.slice(0, 1), null, 600, 200)?.layers[0]?.path).not.toContain('NaN');
    expect(drawChart([], null, 600, 200)).toBeNull();
  });
});
