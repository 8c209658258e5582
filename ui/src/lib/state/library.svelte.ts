/** The signed-in store as the window sees it: counts, the two lists, and what is dropped on it. */
import type { OfferedPath } from '../contract/OfferedPath';
import type { OnDuplicate } from '../contract/OnDuplicate';
import type { TypeCount } from '../contract/TypeCount';
import { plural } from '../format';
import * as shell from '../tauri';
import { bucket } from './bucket.svelte';
import { on, throttled } from './bus';
import { FileBackups } from './file-backups.svelte';
import { FileList } from './file-list.svelte';
import { jobs } from './jobs.svelte';
import { Selection } from './selection.svelte';
import { query } from './query.svelte';
import { tables } from './tables.svelte';
import { toasts } from './toasts.svelte';

class Library {
  files = new FileList(false);
  trash = new FileList(true);
  backups = new FileBackups();
  selected = new Selection(this.files);
  selectedTrash = new Selection(this.trash);
  counts = $state.raw<TypeCount[] | null>(null);
  /** What is dragged over the window, if anything is. */
  drag = $state.raw<shell.DragState>({ over: false, count: 0 });

  total = $derived(this.counts?.reduce((n, c) => n + c.files, 0) ?? null);
  bytes = $derived(this.counts?.reduce((n, c) => n + c.bytes, 0) ?? null);

  /** A screen that wants drops for itself, as Convert does; else they are only stored. */
  takeOffered: ((job: string) => void) | null = null;

  #recount = throttled(300, () => void this.#count());

  constructor() {
    on('files', () => {
      this.#recount();
      this.files.refresh();
      this.trash.refresh();
    });
  }

  open(): void {
    this.clear();
    void this.#count();
    void tables.load();
    void bucket.load();
    void jobs.load().catch((e) => toasts.fail(shell.toReport(e)));
  }

  clear(): void {
    this.counts = null;
    this.files.clear();
    this.trash.clear();
    this.selected.reset();
    this.selectedTrash.reset();
    jobs.clear();
    tables.clear();
    bucket.clear();
    query.clear();
    toasts.clear();
  }

  /** Stores what was dropped or picked; answers the job, or null when there was nothing. */
  async take(paths: OfferedPath[], onDuplicate: OnDuplicate | null = null): Promise<string | null> {
    if (paths.length === 0) return null;
    return this.takeTokens(
      paths.map((p) => p.token),
      onDuplicate,
    );
  }

  async takeTokens(tokens: string[], onDuplicate: OnDuplicate | null = null): Promise<string | null> {
    try {
      return await shell.importOffered(tokens, onDuplicate);
    } catch (e) {
      toasts.fail(shell.toReport(e));
      return null;
    }
  }

  async offered(paths: OfferedPath[]): Promise<void> {
    const job = await this.take(paths);
    if (job && this.takeOffered) this.takeOffered(job);
  }

  /** A file dialog is up: a key pressed twice opens no second one. */
  #picking = false;

  async add(kind: 'files' | 'folders'): Promise<string | null> {
    if (this.#picking) return null;
    this.#picking = true;
    try {
      return await this.take(await (kind === 'files' ? shell.pickFiles() : shell.pickFolders()));
    } catch (e) {
      toasts.fail(shell.toReport(e));
      return null;
    } finally {
      this.#picking = false;
    }
  }

  /** Adds files as a drop on this screen would: stored, or stored and then converted. */
  async addHere(): Promise<void> {
    const job = await this.add('files');
    if (job && this.takeOffered) this.takeOffered(job);
  }

  async remove(ids: number[]): Promise<void> {
    try {
      const n = await shell.deleteFiles(ids);
      this.selected.clear();
      toasts.say(`${plural(n, 'file')} moved to the trash.`, {
        label: 'Undo',
        testid: 'toast-undo',
        run: () => this.restore(ids),
      });
    } catch (e) {
      toasts.fail(shell.toReport(e));
    }
  }

  async restore(ids: number[]): Promise<void> {
    try {
      const n = await shell.restoreFromTrash(ids);
      this.selectedTrash.clear();
      // An Undo that has nothing left to undo would be a lie.
      toasts.withdraw('toast-undo');
      toasts.say(`${plural(n, 'file')} put back.`);
    } catch (e) {
      toasts.fail(shell.toReport(e));
    }
  }

  async saveCopies(ids: number[]): Promise<void> {
    try {
      await shell.saveCopies(ids);
    } catch (e) {
      toasts.fail(shell.toReport(e));
    }
  }

  /** Gives up the local bytes of files once the bucket is proven to have them. */
  async free(ids: number[]): Promise<void> {
    try {
      await shell.freeFiles(ids);
      this.selected.clear();
    } catch (e) {
      toasts.fail(shell.toReport(e));
    }
  }

  /** Brings files back that are in the bucket only; true once all of them are here. */
  async fetch(ids: number[]): Promise<boolean> {
    try {
      return (await jobs.ended(await shell.fetchFiles(ids))).state === 'done';
    } catch (e) {
      toasts.fail(shell.toReport(e));
      return false;
    }
  }

  async verify(ids: number[] | null): Promise<void> {
    try {
      await shell.verifyFiles(ids);
    } catch (e) {
      toasts.fail(shell.toReport(e));
    }
  }

  async #count(): Promise<void> {
    try {
      this.counts = await shell.fileCounts();
    } catch {
      // The list shows the same trouble in full, with Retry.
    }
  }
}

export const library = new Library();
