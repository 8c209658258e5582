/** A query cut into pieces that look alike, for the ground under the editor. Never a parser: core is. */
export type Piece = { text: string; kind: 'word' | 'key' | 'string' | 'number' | 'comment' };

const KEYS = new Set(
  'all and any as asc asof between by case cast cross cube desc distinct else end except exists extract false filter first from full group grouping having ilike in inner intersect interval into is join last lateral left like limit natural not null nulls offset on or order outer over partition pivot positional qualify range recursive replace right rollup row rows sample select semi sets similar some table tablesample then true union unpivot using values when where window with within'.split(' '),
);
const TOKENS = /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^']|'')*(?:'|$))|("(?:[^"]|"")*(?:"|$))|(\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)|([A-Za-z_][A-Za-z0-9_]*)/g;

export function pieces(sql: string): Piece[] {
  const out: Piece[] = [];
  const put = (text: string, kind: Piece['kind']) => {
    const last = out.at(-1);
    if (text === '') return;
    if (last && last.kind === kind) last.text += text;
    else out.push({ text, kind });
  };
  let at = 0;
  for (const match of sql.matchAll(TOKENS)) {
    put(sql.slice(at, match.index), 'word');
    const [text, comment, string, name, number] = match;
    put(text, comment ? 'comment' : string ? 'string' : name ? 'word' : number ? 'number' : KEYS.has(text.toLowerCase()) ? 'key' : 'word');
    at = match.index + text.length;
  }
  put(sql.slice(at), 'word');
  return out;
}
