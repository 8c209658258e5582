/** Durations: what is left as an honest range, and what it took. */
import type { TimeLeft } from '../contract/TimeLeft';

const STEPS = [
  { upTo: 90, size: 1, one: 's', many: 's' },
  { upTo: 5400, size: 60, one: 'minute', many: 'minutes' },
  { upTo: Infinity, size: 3600, one: 'hour', many: 'hours' },
] as const;

/** Rounded so that no digit claims more than is known. */
function coarse(n: number): number {
  if (n <= 10) return Math.max(1, Math.round(n));
  if (n <= 30) return Math.round(n / 5) * 5;
  return Math.round(n / 10) * 10;
}

/** "about 2 s", "20 to 40 s", "1 to 2 minutes", "about 3 hours". */
export function formatTimeLeft({ low_s, high_s }: TimeLeft): string {
  const high = Math.max(low_s, high_s);
  if (high < 1) return 'less than 1 s';
  const step = STEPS.find((s) => high <= s.upTo) ?? STEPS[2];
  const low = coarse(Math.max(low_s, 0) / step.size);
  const top = coarse(high / step.size);
  if (low >= top) return `about ${top} ${top === 1 ? step.one : step.many}`;
  return `${low} to ${top} ${step.many}`;
}

/** "84 ms", "2.4 s", "3 min 20 s", "1 h 5 min". */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1).replace(/\.0$/, '')} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min${seconds % 60 ? ` ${seconds % 60} s` : ''}`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`;
}
