/** What stands within the screen, as the address has it. */
export const VIEWS = [
  { id: 'overview', detail: '', label: 'Overview' },
  { id: 'proof', detail: 'proof', label: 'Proof' },
  { id: 'keep', detail: 'keep', label: 'Keeping' },
  { id: 'bucket', detail: 'bucket', label: 'Bucket' },
] as const;

export type View = (typeof VIEWS)[number]['id'] | 'restore';

/** `proof`, `point:ID`, `restore:PATH`; a path may hold colons. */
export function viewOf(detail: string): { view: View; detail: string } {
  const at = detail.indexOf(':');
  const head = at < 0 ? detail : detail.slice(0, at);
  const rest = at < 0 ? '' : detail.slice(at + 1);
  if (head === 'point') return { view: 'overview', detail: rest };
  if (head === 'restore') return { view: 'restore', detail: rest };
  return { view: VIEWS.find((v) => v.detail === head)?.id ?? 'overview', detail: '' };
}
