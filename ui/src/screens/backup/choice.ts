/** Which files to restore, as people name them, in the globs that core takes. */

/** Words and patterns, apart by commas or lines: `prices` is any name with it, `reports/**` is a pattern. */
export function globsOf(text: string): string[] {
  return text
    .split(/[,\n]/)
    .map((word) => word.trim().replace(/^\/+/, ''))
    .filter(Boolean)
    .map((word) => {
      const pattern = /[*?[]/.test(word);
      if (pattern) return word.includes('/') ? word : `**/${word}`;
      return word.endsWith('/') ? `${escaped(word)}**` : `**/*${escaped(word)}*`;
    });
}

/** A brace would begin a choice. */
function escaped(word: string): string {
  return word.replace(/[{}]/g, '?');
}
