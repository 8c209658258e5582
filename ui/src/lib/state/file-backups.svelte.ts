/**
 * What the last restore point has of the files that are looked at: asked for a block at
 * a time as its rows are drawn, and again once there is a newer point. The list never
 * waits for it.
 */
import type { FileBackup } from '../contract/FileBackup';
import type { FileView } from '../contract/FileView';
import * as shell from '../tauri';
import { on, throttled } from './bus';

interface Answer {
  epoch: number;
  states: FileBackup[];
}

const contents = (files: FileView[]) => files.map((f) => ({ relative_path: f.relative_path, sha256: f.sha256 }));

export class FileBackups {
  #epoch = $state(0);
  #revision = $state(0);
  // By the block itself: what the list lets go of is let go of here.
  #answers = new WeakMap<FileView[], Answer>();
  #asking = new WeakMap<FileView[], number>();

  constructor() {
    on('backup', throttled(500, () => (this.#epoch += 1)));
  }

  /** Of the row at `index` of a block; undefined while that is not known. An older answer stays until the next. */
  of(files: FileView[], index: number): FileBackup | undefined {
    void this.#revision;
    const epoch = this.#epoch;
    const answer = this.#answers.get(files);
    if (answer?.epoch !== epoch && this.#asking.get(files) !== epoch) {
      this.#asking.set(files, epoch);
      // Asked for by rows that are being drawn, which must not wait.
      queueMicrotask(() => void this.#ask(files, epoch));
    }
    return answer?.states[index];
  }

  async #ask(files: FileView[], epoch: number): Promise<void> {
    try {
      const view = await shell.fileBackups(contents(files));
      if (!view || epoch !== this.#epoch) return;
      this.#answers.set(files, { epoch, states: view.files });
      this.#revision += 1;
    } catch {
      // What cannot be asked is not said; the backup screen says why.
    }
  }
}
