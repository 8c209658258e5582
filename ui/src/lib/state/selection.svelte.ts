/** Which files are selected, by id, and where the keyboard stands, by index. */
import { SvelteMap } from 'svelte/reactivity';
import type { FileView } from '../contract/FileView';
import { formatCount } from '../format';
import type { FileList } from './file-list.svelte';

export const SELECT_MOST = 10_000;

export class Selection {
  #list: FileList;
  files = new SvelteMap<number, FileView>();
  cursor = $state(-1);
  /** A row chosen before it was loaded. */
  pending = $state(-1);
  #anchor = -1;
  /** Said when not all could be selected. */
  limit = $state('');
  busy = $state(false);
  #run = 0;

  constructor(list: FileList) {
    this.#list = list;
  }

  get count(): number {
    return this.files.size;
  }

  get bytes(): number {
    let sum = 0;
    for (const file of this.files.values()) sum += file.size_bytes;
    return sum;
  }

  get ids(): number[] {
    return [...this.files.keys()];
  }

  has(id: number): boolean {
    return this.files.has(id);
  }

  clear(): void {
    this.#run += 1;
    this.busy = false;
    this.limit = '';
    this.pending = -1;
    this.files.clear();
  }

  reset(): void {
    this.clear();
    this.cursor = -1;
    this.#anchor = -1;
  }

  only(index: number): void {
    this.clear();
    this.cursor = this.#anchor = index;
    const file = this.#list.at(index);
    if (file) this.files.set(file.id, file);
    else this.pending = index;
  }

  settle(file: FileView): void {
    this.pending = -1;
    this.files.set(file.id, file);
  }

  toggle(index: number): void {
    this.limit = '';
    this.cursor = this.#anchor = index;
    const file = this.#list.at(index);
    if (!file) return;
    if (!this.files.delete(file.id)) this.files.set(file.id, file);
  }

  /** From where the last plain click was, to here. */
  async extend(index: number): Promise<void> {
    if (this.#anchor < 0) return this.only(index);
    this.cursor = index;
    const from = Math.min(this.#anchor, index);
    const to = Math.max(this.#anchor, index);
    await this.#fill(from, to - from + 1);
  }

  async all(): Promise<void> {
    await this.#fill(0, this.#list.total);
  }

  /** A file that changed or went away elsewhere. */
  update(file: FileView | null, id: number): void {
    if (!this.files.has(id)) return;
    if (file) this.files.set(id, file);
    else this.files.delete(id);
  }

  async #fill(from: number, count: number): Promise<void> {
    const run = ++this.#run;
    const most = Math.min(count, SELECT_MOST);
    this.limit =
      count > SELECT_MOST
        ? `Only the first ${formatCount(SELECT_MOST)} are selected; the other ${formatCount(count - SELECT_MOST)} are not, and nothing done here touches them. To reach them, narrow the list with a type or a search.`
        : '';
    const known: FileView[] = [];
    for (let i = from; i < from + most; i += 1) {
      const file = this.#list.at(i);
      if (!file) break;
      known.push(file);
    }
    if (known.length < most) {
      this.busy = true;
      try {
        known.push(...(await this.#list.collect(from + known.length, most - known.length)));
      } finally {
        if (run === this.#run) this.busy = false;
      }
      if (run !== this.#run) return;
    }
    this.files.clear();
    for (const file of known) this.files.set(file.id, file);
  }
}
