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
  /** The limit stands above a break in the axis, not to scale. */
  broken: boolean;
  /** Where the dashed forecast goes; null when growth does not lead to the quota. */
  forecast: { from: [number, number]; to: [number, number]; day: string } | null;
  ticks: { y: number; bytes: number }[];
  first: string;
  last: string;
  /** Where the last day ends. */
  lastX: number;
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

/** The top of the picture: finer than a step between ticks, so that little of it stays empty. */
function topFor(n: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(n, 1)));
  return ([1, 1.5, 2, 2.5, 3, 4, 5, 6, 8].find((step) => n <= step * unit) ?? 10) * unit;
}

/** Days until the quota at the pace of the last weeks; null when it is not getting there. */
export function daysToLimit(growth: GrowthPoint[], quota: number, now = 0): number | null {
  const last = growth[growth.length - 1];
  if (!last || growth.length < 3) return null;
  const end = Math.max(now, Date.parse(last.day));
  const since = growth.find((p) => Date.parse(p.day) >= end - 60 * DAY_MS) ?? growth[0];
  if (!since || since === last) return null;
  const days = (end - Date.parse(since.day)) / DAY_MS;
  const pace = (total(last) - total(since)) / days;
  if (days < 7 || pace <= 0 || total(last) >= quota) return null;
  const left = (quota - total(last)) / pace;
  return left <= HORIZON_DAYS ? left : null;
}

/** Fewer days than this would swell one day into a slab. */
const LEAST_DAYS = 14;
/** Above everything stored, for a limit that is not to scale. */
const BREAK_PX = 36;

/** `today` is a plain day such as `2026-11-22`: what was stored last holds until then. */
export function drawChart(growth: GrowthPoint[], quota: number | null, width: number, height: number, today?: string): Chart | null {
  const first = growth[0];
  const last = growth[growth.length - 1];
  if (!first || !last) return null;
  const series = seriesOf(growth);
  const peak = Math.max(...growth.map(total), 1);
  // To scale, a limit far above what is stored would flatten the picture to nothing: it then stands over a break in the axis.
  const toScale = quota !== null && peak > quota * 0.02;
  const broken = quota !== null && !toScale;
  const top = toScale ? Math.max(quota * 1.04, peak * 1.04) : topFor(peak * 1.05);
  const room = broken ? height - BREAK_PX : height;
  const y = (bytes: number) => height - (bytes / top) * room;

  const now = Math.max(Date.parse(last.day), today ? Date.parse(today) : 0);
  // Each day has a slot of its own, so the picture ends when the last day does.
  const end = now + DAY_MS;
  const start = Math.min(Date.parse(first.day), end - LEAST_DAYS * DAY_MS);
  const days = quota !== null && toScale ? daysToLimit(growth, quota, now) : null;
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
      const next = growth[i + 1];
      const [low, high] = stacks[i]![k]!;
      for (const t of [Date.parse(p.day), next ? Date.parse(next.day) : end]) {
        upper.push(`${x(t).toFixed(1)},${y(high).toFixed(1)}`);
        lower.push(`${x(t).toFixed(1)},${y(low).toFixed(1)}`);
      }
    });
    return { type, path: `M${upper.join('L')}L${lower.reverse().join('L')}Z` };
  });

  const step = niceCeil(top / 4) > top / 2 ? niceCeil(top / 8) : niceCeil(top / 4);
  const ticks = [];
  for (let b = step; b < top * 1.001; b += step) if (!toScale || Math.abs(b - quota) > top * 0.1) ticks.push({ y: y(b), bytes: b });

  const reach = days === null ? 0 : drawn / (days * DAY_MS);
  return {
    layers,
    limit: toScale ? y(quota) : broken ? 6 : null,
    broken,
    forecast:
      days !== null && quota !== null
        ? {
            from: [x(end), y(total(last))],
            to: [width, y(total(last) + (quota - total(last)) * reach)],
            day: isoDay(now + days * DAY_MS),
          }
        : null,
    ticks,
    first: isoDay(start),
    last: isoDay(now),
    lastX: x(end),
  };
}

function isoDay(t: number): string {
  return new Date(t).toISOString().slice(0, 10);
}

/** "under 0.1%", "7%", "98.2%": exact where it nears the whole. */
export function shareWords(part: number, whole: number): string {
  const percent = (part / whole) * 100;
  if (part === 0) return '0%';
  if (percent < 0.1) return 'under 0.1%';
  return `${percent < 10 || (percent > 95 && percent < 100) ? Math.floor(percent * 10) / 10 : Math.floor(percent)}%`;
}
