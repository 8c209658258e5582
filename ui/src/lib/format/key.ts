/** License keys as people paste them: forgiving about case, spaces and dashes. */
export interface KeyShape {
  /** `RL-XXXXXXXX-XXXXXXXX-XXXXXXXX` once all is there, else null. */
  key: string | null;
  /** What is still off, in words; empty while nothing was typed or all is well. */
  hint: string;
}

const GROUPS = 24;

export function readKey(typed: string): KeyShape {
  let letters = typed.toUpperCase().replace(/[\s\u200b\ufeff"'`\p{Pd}_.,:;]/gu, '');
  if (letters === '') return { key: null, hint: '' };
  const odd = letters.match(/[^A-Z0-9]/u);
  if (odd) return { key: null, hint: `“${odd[0]}” is not part of a key: only letters A to Z and digits are.` };
  const prefixed = letters.startsWith('RL');
  // 24 characters may begin with RL by chance; only a longer or shorter text can be the prefix's.
  if (prefixed && letters.length !== GROUPS) letters = letters.slice(2);
  if (letters.length === GROUPS) {
    return { key: `RL-${letters.slice(0, 8)}-${letters.slice(8, 16)}-${letters.slice(16)}`, hint: '' };
  }
  if (letters.length < GROUPS) {
    const missing = GROUPS - letters.length;
    return { key: null, hint: `${letters.length} of ${GROUPS} characters; ${missing} to go.` };
  }
  return { key: null, hint: `${letters.length - GROUPS} too many: a key has three groups of eight.` };
}
