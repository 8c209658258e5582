/** Work in progress and what came of it. */
import { SvelteMap } from 'svelte/reactivity';
import type { JobView } from '../contract/JobView';
import * as shell from '../tauri';
import { on } from './bus';

class Jobs {
  #all = new SvelteMap<string, JobView>();
  #waiting = new Map<string, ((job: JobView) => void)[]>();
  #dismissed = new Set<string>();
  /** The job whose per-file results are open beside the screen. */
  opened = $state<string | null>(null);

  list = $derived([...this.#all.values()].sort((a, b) => a.started_at.localeCompare(b.started_at)));
  running = $derived(this.list.filter((j) => j.state === 'running'));
  finished = $derived(this.list.filter((j) => j.state !== 'running').reverse());

  /** What ended well before this session began is on record, but no news. */
  since = performance.timeOrigin;

  constructor() {
    on('job', (e) => this.#accept(e.value));
  }

  get(id: string): JobView | undefined {
    return this.#all.get(id);
  }

  async load(): Promise<void> {
    const known = await shell.jobs();
    this.#all.clear();
    known.filter((job) => job.state !== 'done' || Date.parse(job.finished_at ?? '') >= this.since).forEach((job) => this.#accept(job));
  }

  clear(): void {
    this.#all.clear();
    this.opened = null;
  }

  /** The job once it has ended, however it ended. */
  ended(id: string): Promise<JobView> {
    const job = this.#all.get(id);
    if (job && job.state !== 'running') return Promise.resolve(job);
    return new Promise((resolve) => {
      this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), resolve]);
    });
  }

  async cancel(id: string): Promise<void> {
    await shell.cancelJob(id);
  }

  async dismiss(id: string): Promise<void> {
    this.#dismissed.add(id);
    this.#all.delete(id);
    if (this.opened === id) this.opened = null;
    await shell.dismissJob(id);
  }

  #accept(job: JobView): void {
    if (this.#dismissed.has(job.id)) return;
    const before = this.#all.get(job.id);
    // Events may pass each other; what has ended stays ended.
    if (before && before.state !== 'running' && job.state === 'running') return;
    this.#all.set(job.id, job);
    if (job.state !== 'running') {
      this.#waiting.get(job.id)?.forEach((resolve) => resolve(job));
      this.#waiting.delete(job.id);
    }
  }
}

export const jobs = new Jobs();
