/**
 * Escape anywhere in the window closes what stands open beside the screen, unless
 * a dialog is up or a field has words to clear, which come first.
 */
export function escape(close: () => void): (e: KeyboardEvent) => void {
  return (e) => {
    if (e.key !== 'Escape' || e.defaultPrevented) return;
    if (e.target instanceof HTMLInputElement && e.target.type !== 'radio' && e.target.type !== 'checkbox') return;
    if (e.target instanceof HTMLTextAreaElement || e.target instanceof HTMLSelectElement) return;
    if (document.querySelector('dialog[open]')) return;
    e.preventDefault();
    close();
  };
}
