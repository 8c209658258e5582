/** The bandwidth limit as a form: megabytes a second here, bytes in the settings. */

/** What is offered before anything was chosen. */
export const SUGGESTED_LIMIT = 5_000_000;

export function typedLimit(bytesPerSecond: number): string {
  // Never with an exponent, which nobody types.
  return (bytesPerSecond / 1_000_000).toFixed(6).replace(/\.?0+$/, '');
}

/** Null where it is no number, or none above 0, which core takes for no limit. */
export function asLimit(typed: string): number | null {
  const text = typed.trim();
  if (!/^\d{1,6}(\.\d{1,6})?$/.test(text)) return null;
  const bytes = Math.round(Number(text) * 1_000_000);
  return bytes > 0 ? bytes : null;
}
