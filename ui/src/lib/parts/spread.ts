/**
 * What may be said under a histogram. Its ranges come from a sample, so the ends
 * of the drawing are not the ends of the column: those come from every value.
 */
import type { BucketCount } from '../contract/BucketCount';
import { formatCount, plural } from '../format';

/** Up to so many values nothing was left out of the sample. */
const SAMPLE = 1_024;

export interface Ends {
  low: string;
  high: string;
  /** Where the column goes on beyond the drawing; empty where it does not. */
  beyond: string;
}

/** Equal as text, or as far as a drawing can show: 187.23 and 187.2300, or two integers past 2^53. */
function same(a: string, b: string): boolean {
  return a === b || (a.trim() !== '' && b.trim() !== '' && Number(a) === Number(b));
}

export function endsOf(buckets: BucketCount[], min: string | null, max: string | null): Ends {
  const first = buckets[0]?.low ?? '';
  const last = buckets.at(-1)?.high ?? '';
  const low = min !== null && same(first, min) ? min : first;
  const high = max !== null && same(last, max) ? max : last;
  const under = min !== null && low !== min;
  const over = max !== null && high !== max;
  const beyond =
    under && over ? `Drawn from a sample; the column goes from ${min} to ${max}.` : under ? `Drawn from a sample; the column begins at ${min}.` : over ? `Drawn from a sample; the column goes up to ${max}.` : '';
  return { low, high, beyond };
}

/** "1,204 rows, 3.1 %": with "about" where the count was put up from a sample. */
export function countWords(count: number, total: number): string {
  const share = total === 0 ? '' : count / total < 0.001 ? ', under 0.1 %' : `, ${((count / total) * 100).toFixed(1).replace(/\.0$/, '')} %`;
  return `${estimated(total) ? 'about ' : ''}${plural(count, 'row')}${share}`;
}

/** Beside a bar. */
export function shortCount(count: number, total: number): string {
  return `${estimated(total) ? '~' : ''}${formatCount(count)}`;
}

export function estimated(total: number): boolean {
  return total > SAMPLE;
}
