/** How a file was understood, in words. */
import type { ProfileReport } from '../contract/ProfileReport';
import { formatCount, plural, typeName } from '../format';
import { charName } from '../options/form';

const LAYOUTS: Record<string, string> = { stooq: 'Stooq’s layout', 'stooq short': 'Stooq’s short layout' };

/** "UTF-8, comma, CRLF": one line on how a text is built; the format's name otherwise. */
export function formWords(profile: ProfileReport): string {
  const text = profile.text;
  if (!text) return typeName(profile.format);
  const parts = [text.encoding + (text.byte_order_mark ? ' with a byte order mark' : ''), text.delimiter === null ? 'one column' : charName(text.delimiter), text.line_end === 'mixed' ? 'mixed line ends' : text.line_end];
  if (text.layout) parts.push(LAYOUTS[text.layout] ?? text.layout);
  if (profile.compression) parts.push(`unpacked from ${profile.compression}`);
  return parts.join(', ');
}

/** Everything that was found out, as pairs. */
export function formFacts(profile: ProfileReport): { label: string; text: string }[] {
  const facts: { label: string; text: string }[] = [];
  const text = profile.text;
  if (profile.compression) facts.push({ label: 'Packed', text: profile.compression });
  if (profile.table !== null && profile.tables.length > 1) facts.push({ label: 'Table', text: `${profile.table}, one of ${formatCount(profile.tables.length)}` });
  if (!text) return facts;
  facts.push({ label: 'Encoding', text: text.encoding + (text.byte_order_mark ? ', with a byte order mark' : '') });
  facts.push({ label: 'Delimiter', text: text.delimiter === null ? 'none: one column' : charName(text.delimiter) });
  facts.push({ label: 'Quotes', text: text.quote === null ? 'none' : `${text.quote}${text.escape === null ? '' : text.escape === text.quote ? ', doubled inside' : `, ${text.escape} before one inside`}` });
  facts.push({ label: 'Header', text: text.header_rows === 0 ? 'none; columns are numbered' : plural(text.header_rows, 'line') });
  facts.push({ label: 'Line ends', text: text.line_end });
  if (text.layout) facts.push({ label: 'Layout', text: LAYOUTS[text.layout] ?? text.layout });
  return facts;
}
