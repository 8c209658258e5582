/**
 * What a file was before, as the restore points in the bucket have it: looked for from the
 * newest on, some points at a time, until all were looked at or somebody stops it.
 */
import type { ErrorReport } from '../../lib/contract/ErrorReport';
import type { FileVersionView } from '../../lib/contract/FileVersionView';
import type { FileView } from '../../lib/contract/FileView';
import type { SkippedPointView } from '../../lib/contract/SkippedPointView';
import * as shell from '../../lib/tauri';

export class Versions {
  /** The newest first, each content once. */
  list = $state.raw<FileVersionView[]>([]);
  /** Restore points that cannot be read. */
  skipped = $state.raw<SkippedPointView[]>([]);
  looked = $state(0);
  /** Points not looked at yet; null until the bucket said how many there are. */
  remaining = $state<number | null>(null);
  asking = $state(false);
  /** What asks the bucket would wait for the end of a pause. */
  paused = $state(false);
  error = $state.raw<ErrorReport | null>(null);

  total = $derived(this.remaining === null ? null : this.looked + this.remaining);
  #path: string;
  /** What is here is no earlier version; what is gone from here is one. */
  #here: string[];
  #next: string | null = null;
  #turn = 0;

  constructor(file: FileView) {
    this.#path = file.relative_path;
    this.#here = file.status === 'missing' || file.sha256 === '' ? [] : [file.sha256];
  }

  /** Looks on from where it stopped. */
  async look(): Promise<void> {
    const turn = ++this.#turn;
    this.error = null;
    this.asking = true;
    try {
      this.paused = (await shell.transfer()).paused;
      while (!this.paused && turn === this.#turn && this.remaining !== 0) {
        const got = await shell.fileVersions(this.#path, [...this.#here, ...this.list.map((v) => v.sha256)], this.#next);
        if (turn !== this.#turn) return;
        this.list = [...this.list, ...got.versions];
        this.skipped = [...this.skipped, ...got.skipped_points];
        this.looked += got.looked_at;
        this.remaining = got.next === null ? 0 : got.remaining;
        this.#next = got.next;
      }
    } catch (e) {
      if (turn === this.#turn) this.error = shell.toReport(e);
    } finally {
      if (turn === this.#turn) this.asking = false;
    }
  }

  /** An answer that is still on its way is not waited for. */
  stop(): void {
    this.#turn += 1;
    this.asking = false;
  }
}
