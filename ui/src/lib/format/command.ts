/** A line for a shell, cut at the spaces between its words; joined with a space it is the line again. */
export function shellWords(line: string): string[] {
  const words = [''];
  let quote = '';
  for (let i = 0; i < line.length; i += 1) {
    const c = line[i]!;
    if (c === ' ' && quote === '') {
      words.push('');
      continue;
    }
    // What a backslash stands before means itself, but not between single quotes.
    const pair = c === '\\' && quote !== "'" && i + 1 < line.length;
    if (!pair && c === quote) quote = '';
    else if (!pair && quote === '' && (c === "'" || c === '"')) quote = c;
    words[words.length - 1] += pair ? c + line[(i += 1)]! : c;
  }
  return words;
}
