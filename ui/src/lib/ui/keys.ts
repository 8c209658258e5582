/** Keys as this machine writes them. */
const mac = /\bMac/.test(navigator.userAgent);

/** "Ctrl+O", or "⌘O" on a Mac: for tooltips. */
export function shortcut(letter: string): string {
  return mac ? `⌘${letter}` : `Ctrl+${letter}`;
}

/** For `aria-keyshortcuts`. */
export function ariaShortcut(letter: string): string {
  return `${mac ? 'Meta' : 'Control'}+${letter}`;
}

/** Whether this is Ctrl+O. Never on a Mac: there the menu bar has ⌘O, and both would answer. */
export function opens(e: KeyboardEvent): boolean {
  return !mac && e.ctrlKey && !e.metaKey && !e.shiftKey && !e.altKey && e.key.toLowerCase() === 'o';
}
