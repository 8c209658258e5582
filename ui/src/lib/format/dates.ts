/** Dates in the person's own time zone: relative within two days, then by day. */
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;
const FULL = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'medium' });

function dayNumber(d: Date): number {
  return Math.floor(Date.UTC(d.getFullYear(), d.getMonth(), d.getDate()) / 86_400_000);
}

function clock(d: Date): string {
  return `${String(d.getHours()).padStart(2, '0')}:${String(d.getMinutes()).padStart(2, '0')}`;
}

function dayAndMonth(d: Date, now: Date): string {
  const short = `${d.getDate()} ${MONTHS[d.getMonth()]}`;
  return d.getFullYear() === now.getFullYear() ? short : `${short} ${d.getFullYear()}`;
}

/** For lists: "2 minutes ago", "Yesterday", "19 Nov", "19 Nov 2024". */
export function formatWhen(iso: string, now = new Date()): string {
  const d = new Date(iso);
  if (Number.isNaN(d.getTime())) return iso;
  const seconds = (now.getTime() - d.getTime()) / 1000;
  if (seconds < 0) return seconds > -60 ? 'just now' : formatMoment(iso, now);
  if (seconds < 45) return 'just now';
  // Not quite an hour is no "0 hours".
  const minutes = Math.min(59, Math.max(1, Math.round(seconds / 60)));
  if (seconds < 3600) return `${minutes} ${minutes === 1 ? 'minute' : 'minutes'} ago`;
  const days = dayNumber(now) - dayNumber(d);
  if (days === 0) {
    const hours = Math.floor(seconds / 3600);
    return `${hours} ${hours === 1 ? 'hour' : 'hours'} ago`;
  }
  if (days === 1) return 'Yesterday';
  return dayAndMonth(d, now);
}

/** For details: "today 09:12", "yesterday 18:40", "19 Nov 18:02". */
export function formatMoment(iso: string, now = new Date()): string {
  const d = new Date(iso);
  if (Number.isNaN(d.getTime())) return iso;
  const days = dayNumber(now) - dayNumber(d);
  const day = days === 0 ? 'today' : days === 1 ? 'yesterday' : dayAndMonth(d, now);
  return `${day} ${clock(d)}`;
}

/** "19 Nov" of a plain day such as `2026-11-19`. */
export function formatDay(day: string, now = new Date()): string {
  const [y, m, d] = day.split('-').map(Number);
  if (!y || !m || !d) return day;
  return dayAndMonth(new Date(y, m - 1, d), now);
}

/** The whole of it, for a tooltip. */
export function formatFull(iso: string): string {
  const d = new Date(iso);
  return Number.isNaN(d.getTime()) ? iso : FULL.format(d);
}
