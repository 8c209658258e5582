/** A table's name made from a file's: what SQL takes without quotes, and free. */
export function nameFor(filename: string, taken: string[]): string {
  const stem = filename.replace(/\.(gz|zst)$/i, '').replace(/\.[^.]+$/, '');
  const plain = stem
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase();
  const base = plain === '' ? 'table' : /^\d/.test(plain) ? `t_${plain}` : plain;
  if (!taken.includes(base)) return base;
  for (let i = 2; ; i += 1) if (!taken.includes(`${base}_${i}`)) return `${base}_${i}`;
}

/** A name as it stands in a query: in quotes where SQL wants them. */
export function sqlName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/i.test(name) && !RESERVED.has(name.toLowerCase()) ? name : `"${name.replaceAll('"', '""')}"`;
}

const RESERVED = new Set('all and any as asc between by case cast check column create cross default desc distinct drop else end except exists false fetch for from full group having in inner insert intersect into is join left like limit natural not null offset on or order outer right select set some table then to true union unique update using values view when where window with'.split(' '));
