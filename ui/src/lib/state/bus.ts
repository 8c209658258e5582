/** What the core announces, passed on to whoever shows it. */
import type { Event as CoreEvent } from '../contract/Event';

type Kind = CoreEvent['type'];
const handlers = new Map<Kind, Set<(event: CoreEvent) => void>>();

export function on<K extends Kind>(kind: K, handler: (event: Extract<CoreEvent, { type: K }>) => void): () => void {
  const set = handlers.get(kind) ?? new Set();
  handlers.set(kind, set);
  set.add(handler as (event: CoreEvent) => void);
  return () => set.delete(handler as (event: CoreEvent) => void);
}

export function announce(event: CoreEvent): void {
  handlers.get(event.type)?.forEach((handler) => handler(event));
}

/** At most one call in `ms`, the last one never lost. */
export function throttled(ms: number, run: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = -Infinity;
  return () => {
    if (timer !== undefined) return;
    const wait = Math.max(0, last + ms - performance.now());
    timer = setTimeout(() => {
      timer = undefined;
      last = performance.now();
      run();
    }, wait);
  };
}
