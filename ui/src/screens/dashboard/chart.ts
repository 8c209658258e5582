/** Geometry of the growth chart: stacked areas in time, the quota as a line. */
import type { GrowthPoint } from '../../lib/contract/GrowthPoint';

export interface Layer {
  type: string;
  path: string;
}

export interface Chart {
  layers: Layer[];
  /** Height of the quota in the picture; null without one. */
  limit: number | null;
  /** Where the dashed forecast goes; null when growth does not lead to the quota. */
  forecast: { from: [number, number]; to: [number, number]; day: string } | null;
  ticks: { y: number; bytes: number }[];
  first: string;
  last: string;
}

const DAY_MS = 86_400_000;
/** A forecast further out than this says nothing worth drawing. */
const HORIZON_DAYS = 400;

export const OTHER = 'other';

/** The types worth a colour of their own: the four largest. The rest is "other". */
export function seriesOf(growth: GrowthPoint[]): string[] {
  const last = growth[growth.length - 1];
  if (!last) return [];
  const named = last.by_type
    .filter((t) => t.file_type !== OTHER && t.bytes > 0)
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, 4)
    .map((t) => t.file_type);
  const rest = growth.some((p) => p.by_type.some((t) => t.bytes > 0 && !named.includes(t.file_type)));
  return rest ? [...named, OTHER] : named;
}

export function valuesAt(point: GrowthPoint, series: string[]): number[] {
  return series.map((type) =>
    point.by_type
      .filter((t) => (type === OTHER ? !series.includes(t.file_type) || t.file_type === OTHER : t.file_type === type))
      .reduce((n, t) => n + t.bytes, 0),
  );
}

function total(point: GrowthPoint): number {
  return point.by_type.reduce((n, t) => n + t.bytes, 0);
}

function niceCeil(n: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(n, 1)));
  for (const step of [1, 2, 2.5, 5, 10]) if (n <= step * unit) return step * unit;
  return 10 * unit;
}

/** Days until the quota at the pace of the last weeks; null when it is not getting there. */
export function daysToLimit(growth: GrowthPoint[], quota: number): number | null {
  const last = growth[growth.length - 1];
  if (!last || growth.length < 3) return null;
  const end = Date.parse(last.day);
  const since = growth.find((p) => Date.parse(p.day) >= end - 60 * DAY_MS) ?? growth[0];
  if (!since || since === last) return null;
  const days = (end - Date.parse(since.day)) / DAY_MS;
  const pace = (total(last) - total(since)) / days;
  if (days < 7 || pace <= 0 || total(last) >= quota) return null;
  const left = (quota - total(last)) / pace;
  return left <= HORIZON_DAYS ? left : null;
}

export function drawChart(growth: GrowthPoint[], quota: number | null, width: number, height: number): Chart | null {
  const first = growth[0];
  const last = growth[growth.length - 1];
  if (!first || !last) return null;
  const series = seriesOf(growth);
  const peak = Math.max(...growth.map(total), 1);
  // The limit is drawn when what is stored is a visible part of it; else it would flatten the picture to nothing.
  const showLimit = quota !== null && peak > quota * 0.02;
  const top = showLimit ? Math.max(quota * 1.04, peak * 1.04) : niceCeil(peak * 1.05);
  const y = (bytes: number) => height - (bytes / top) * height;

  const start = Date.parse(first.day);
  const end = Math.max(Date.parse(last.day), start + DAY_MS);
  const days = quota !== null && showLimit ? daysToLimit(growth, quota) : null;
  const span = end - start;
  // The forecast takes at most half of the width; drawn to scale, cut at the edge.
  const drawn = days === null ? 0 : Math.min(days * DAY_MS, span);
  const x = (t: number) => ((t - start) / (span + drawn)) * width;

  // A change holds until the next one, so each day is a step, not a slope.
  const stacks = growth.map((p) => {
    let sum = 0;
    return valuesAt(p, series).map((v) => [sum, (sum += v)] as const);
  });
  const layers = series.map((type, k) => {
    const upper: string[] = [];
    const lower: string[] = [];
    growth.forEach((p, i) => {
      const px = x(growth.length === 1 ? end : Date.parse(p.day));
      const [low, high] = stacks[i]![k]!;
      if (growth.length === 1) {
        upper.push(`0,${y(high).toFixed(1)}`);
        lower.push(`0,${y(low).toFixed(1)}`);
      }
      upper.push(`${px.toFixed(1)},${y(high).toFixed(1)}`);
      lower.push(`${px.toFixed(1)},${y(low).toFixed(1)}`);
    });
    return { type, path: `M${upper.join('L')}L${lower.reverse().join('L')}Z` };
  });

  const step = niceCeil(top / 4) > top / 2 ? niceCeil(top / 8) : niceCeil(top / 4);
  const ticks = [];
  for (let b = step; b < top * 0.98; b += step) if (!showLimit || Math.abs(b - quota) > top * 0.1) ticks.push({ y: y(b), bytes: b });

  const reach = days === null ? 0 : drawn / (days * DAY_MS);
  return {
    layers,
    limit: showLimit ? y(quota) : null,
    forecast:
      days !== null && quota !== null
        ? {
            from: [x(end), y(total(last))],
            to: [width, y(total(last) + (quota - total(last)) * reach)],
            day: new Date(end + days * DAY_MS).toISOString().slice(0, 10),
          }
        : null,
    ticks,
    first: first.day,
    last: last.day,
  };
}
