/**
 * A backup that a person stopped to go on later. Core keeps what was sent, and the
 * next run goes on from there; what is kept here is only that somebody waits for it.
 */
import type { JobView } from '../../lib/contract/JobView';
import { jobs } from '../../lib/state/jobs.svelte';
import { session } from '../../lib/state/session.svelte';
import { remainsOf } from './progress';

class Pause {
  #of = $state.raw<{ job: string; epoch: number; remains: string } | null>(null);

  /** What was left to send, in words; null when nothing is paused. */
  get remains(): string | null {
    const of = this.#of;
    if (!of || of.epoch !== session.epoch) return null;
    // It may have got to its end before it heard of it.
    const state = jobs.get(of.job)?.state;
    return state === 'done' || state === 'partial' || state === 'failed' ? null : of.remains;
  }

  async begin(job: JobView): Promise<void> {
    this.#of = { job: job.id, epoch: session.epoch, remains: remainsOf(job) };
    await jobs.cancel(job.id);
  }

  clear(): void {
    this.#of = null;
  }
}

export const pause = new Pause();
