/** Sizes in decimal units, as a disk's label counts them and as core writes them in its messages. */
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

function split(bytes: number): { value: number; unit: number } {
  let value = bytes;
  let unit = 0;
  // 999.5 rounds to 1,000 of its unit, so it already belongs to the next one.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return { value, unit };
}

/** Three significant digits from gigabytes up, at most one decimal below. */
function digits(value: number, unit: number, most = unit < 3 ? 1 : 2): string {
  if (unit === 0) return String(Math.round(value));
  const places = Math.min(most, value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
  return value.toFixed(places).replace(/\.0+$|(\.\d*[1-9])0+$/, '$1');
}

export function formatBytes(bytes: number): string {
  const { value, unit } = split(Math.max(0, bytes));
  return `${digits(value, unit)} ${UNITS[unit]}`;
}

/** "1.9 of 3.1 GB": both in the unit of the whole, unless the part would vanish or swell in it. */
export function formatBytesOf(done: number, total: number): string {
  const { value, unit } = split(Math.max(0, total));
  const part = Math.max(0, done) / 1000 ** unit;
  const whole = `${digits(value, unit, 1)} ${UNITS[unit]}`;
  const odd = (done > 0 && Number(digits(part, unit, 1)) === 0) || part >= 999.5;
  return odd ? `${formatBytes(done)} of ${whole}` : `${digits(part, unit, 1)} of ${whole}`;
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}
