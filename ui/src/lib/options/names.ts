/** Lists of column names as core writes them: `,` between, a name with a comma or a quote in `"`. */

export function joinNames(names: string[]): string {
  return names.map((n) => (n === '' || /[",]/.test(n) || n !== n.trim() ? `"${n.replaceAll('"', '""')}"` : n)).join(',');
}

export function splitNames(text: string): string[] {
  const names: string[] = [];
  let name = '';
  let quoted = false;
  let wasQuoted = false;
  const finish = () => names.push(wasQuoted ? name : name.trim());
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i]!;
    if (quoted && c === '"' && text[i + 1] === '"') {
      name += '"';
      i += 1;
    } else if (quoted && c === '"') quoted = false;
    else if (!quoted && c === '"' && name.trim() === '') {
      name = '';
      quoted = wasQuoted = true;
    } else if (!quoted && c === ',') {
      finish();
      name = '';
      wasQuoted = false;
    } else if (!(wasQuoted && !quoted)) name += c;
  }
  finish();
  return names;
}
