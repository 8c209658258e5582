/** Short words at the foot, with a way back where there is one. */
import type { ErrorReport } from '../contract/ErrorReport';

export interface Toast {
  id: number;
  text: string;
  hint: string;
  failed: boolean;
  action: { label: string; testid: string; run: () => Promise<void> | void } | null;
}

/** Long enough to reach Undo, or to read what went wrong; news alone needs less, and covers the list. */
const STAYS_MS = 10_000;
const NEWS_MS = 5_000;
let next = 1;

class Toasts {
  list = $state<Toast[]>([]);
  #timers = new Map<number, ReturnType<typeof setTimeout>>();

  say(text: string, action: Toast['action'] = null): void {
    this.#add({ id: next++, text, hint: '', failed: false, action });
  }

  fail(error: ErrorReport): void {
    this.#add({ id: next++, text: error.message, hint: error.hint, failed: true, action: null });
  }

  dismiss(id: number): void {
    this.hold(id);
    this.list = this.list.filter((t) => t.id !== id);
  }

  /** Takes back the offers of one kind, once they no longer hold. */
  withdraw(testid: string): void {
    this.list.filter((t) => t.action?.testid === testid).forEach((t) => this.dismiss(t.id));
  }

  /** While the pointer or focus is on it, it stays. */
  hold(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  release(id: number): void {
    this.hold(id);
    this.#timers.set(
      id,
      setTimeout(() => this.dismiss(id), this.list.some((t) => t.id === id && (t.action || t.failed)) ? STAYS_MS : NEWS_MS),
    );
  }

  clear(): void {
    this.list.forEach((t) => this.hold(t.id));
    this.list = [];
  }

  #add(toast: Toast): void {
    const dropped = this.list.slice(0, -2);
    dropped.forEach((t) => this.hold(t.id));
    this.list = [...this.list.slice(-2), toast];
    this.release(toast.id);
  }
}

export const toasts = new Toasts();
