/** Whether a bucket is set up, for the screens that offer something with it: the backup screen itself asks for more. */
import type { BackupStatus } from '../contract/BackupStatus';
import * as shell from '../tauri';
import { on, throttled } from './bus';

class Bucket {
  status = $state.raw<BackupStatus | null>(null);
  ready = $derived((this.status?.bucket ?? null) !== null && this.status?.encryption !== 'locked');
  /** A bucket is set up, whether it can be opened here or not. */
  known = $derived((this.status?.bucket ?? null) !== null);
  /** Links to what is encrypted open nothing. */
  readable = $derived(this.ready && this.status?.encryption === 'off');
  #turn = 0;

  constructor() {
    const again = throttled(1_000, () => this.status && void this.load());
    on('backup', again);
  }

  async load(): Promise<void> {
    const turn = ++this.#turn;
    try {
      const status = await shell.backupStatus();
      if (turn === this.#turn) this.status = status;
    } catch {
      // What cannot be asked is not offered; the backup screen says why.
    }
  }

  clear(): void {
    this.#turn += 1;
    this.status = null;
  }
}

export const bucket = new Bucket();
