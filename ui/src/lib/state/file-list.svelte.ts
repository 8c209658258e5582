/**
 * The list of files, a million rows of it: blocks of 200 fetched as they come
 * into view, kept until the catalog's version moves, then replaced in place so
 * that nothing flickers. Owns the query and the blocks; never the selection.
 */
import { untrack } from 'svelte';
import type { ErrorReport } from '../contract/ErrorReport';
import type { FileQuery } from '../contract/FileQuery';
import type { FileView } from '../contract/FileView';
import type { SortKey } from '../contract/SortKey';
import * as shell from '../tauri';
import { throttled } from './bus';

export const BLOCK = 200;
/** 64 blocks are 12,800 rows, some 10 MB. */
const KEPT_BLOCKS = 64;
const IN_FLIGHT = 2;

interface Block {
  files: FileView[];
  version: number;
}

export class FileList {
  readonly trash: boolean;
  type = $state<string | null>(null);
  search = $state('');
  sort = $state<SortKey>('added');
  reverse = $state(false);

  total = $state(0);
  version = $state(0);
  phase = $state<'loading' | 'ready' | 'error'>('loading');
  error = $state.raw<ErrorReport | null>(null);
  /** True while rows of an older query are still shown. */
  turning = $state(false);
  /** Counts new queries: the view goes back to the top. */
  turns = $state(0);
  /** Whether any row seen so far knows how many rows it holds. */
  hasRows = $state(false);

  #revision = $state(0);
  // Plain on purpose: #revision says when they changed, once for each block and not for each row.
  /* eslint-disable svelte/prefer-svelte-reactivity */
  #blocks = new Map<number, Block>();
  #wanted: [number, number] = [0, 0];
  #flying = new Set<number>();
  /* eslint-enable svelte/prefer-svelte-reactivity */
  #generation = 0;
  #stale = throttled(300, () => {
    this.version = -1;
    this.#pump();
  });

  constructor(trash: boolean) {
    this.trash = trash;
  }

  get query(): FileQuery {
    return {
      file_type: this.type,
      search: this.search.trim() || null,
      sort: this.sort,
      reverse: this.reverse,
      offset: 0,
      limit: BLOCK,
      trash: this.trash,
    };
  }

  get filtered(): boolean {
    return this.type !== null || this.search.trim() !== '';
  }

  /** The row at `index`, or undefined while it is on its way. */
  at(index: number): FileView | undefined {
    void this.#revision;
    return this.#blocks.get(Math.floor(index / BLOCK))?.files[index % BLOCK];
  }

  /** The block that has the row at `index`, and where in it; undefined while it is on its way. */
  block(index: number): { files: FileView[]; at: number } | undefined {
    void this.#revision;
    const files = this.#blocks.get(Math.floor(index / BLOCK))?.files;
    return files && { files, at: index % BLOCK };
  }

  /** Tells which rows are in view; fetches what is missing there. */
  want(first: number, last: number): void {
    this.#wanted = [Math.max(0, first), Math.max(first, last)];
    // Asked from effects, which must not follow what is only looked up on the way.
    untrack(() => this.#pump());
  }

  turn(patch: Partial<Pick<FileList, 'type' | 'search' | 'sort' | 'reverse'>>): void {
    const before = JSON.stringify(this.query);
    Object.assign(this, patch);
    if (JSON.stringify(this.query) === before) return;
    this.reload();
  }

  /** Asks again from the top; what is shown stays until the answer is here. */
  reload(): void {
    this.#generation += 1;
    this.#flying.clear();
    this.#wanted = [0, 0];
    this.turning = this.phase === 'ready';
    if (this.phase === 'error') this.phase = 'loading';
    this.turns += 1;
    this.#pump();
  }

  /** The catalog changed: the same rows again, in place. */
  refresh(): void {
    this.#stale();
  }

  /** Another store: nothing of the last one stays. */
  clear(): void {
    this.#generation += 1;
    this.#flying.clear();
    this.#blocks.clear();
    this.#revision += 1;
    this.type = null;
    this.search = '';
    this.sort = 'added';
    this.reverse = false;
    this.total = 0;
    this.version = 0;
    this.hasRows = false;
    this.phase = 'loading';
    this.error = null;
    this.turning = false;
  }

  /** Up to `most` rows of the query from `offset`, fetched whether in view or not. */
  async collect(offset: number, most: number): Promise<FileView[]> {
    const found: FileView[] = [];
    while (found.length < most) {
      const page = await shell.listFiles({
        ...this.query,
        offset: offset + found.length,
        limit: Math.min(1000, most - found.length),
      });
      found.push(...page.files);
      if (page.files.length === 0 || offset + found.length >= page.total) break;
    }
    return found;
  }

  #pump(): void {
    const [first, last] = this.#wanted;
    const from = Math.floor(first / BLOCK);
    const to = Math.max(from, Math.floor(last / BLOCK));
    for (let b = from; b <= to && this.#flying.size < IN_FLIGHT; b += 1) {
      if (b > 0 && !this.turning && b * BLOCK >= this.total) break;
      const block = this.#blocks.get(b);
      const fresh = block !== undefined && block.version === this.version && !this.turning;
      if (!fresh && !this.#flying.has(b)) void this.#fetch(b);
    }
  }

  async #fetch(b: number): Promise<void> {
    const generation = this.#generation;
    this.#flying.add(b);
    try {
      const page = await shell.listFiles({ ...this.query, offset: b * BLOCK });
      if (generation !== this.#generation) return;
      if (this.turning || this.phase !== 'ready') {
        this.#blocks.clear();
        this.turning = false;
      }
      const moved = this.version > 0 && page.version !== this.version;
      // -1: asked for anew, so this answer sets the version. Otherwise the catalog
      // moved while scrolling; the other blocks in view follow, but not at once.
      if (this.version <= 0) this.version = page.version;
      else if (moved) this.#stale();
      this.#blocks.delete(b);
      this.#blocks.set(b, { files: page.files, version: page.version });
      if (!this.hasRows) this.hasRows = page.files.some((f) => typeof f.metadata?.rows === 'number');
      this.total = page.total;
      this.phase = 'ready';
      this.error = null;
      this.#evict();
      this.#revision += 1;
    } catch (e) {
      if (generation !== this.#generation) return;
      this.error = shell.toReport(e);
      this.turning = false;
      if (this.#blocks.size === 0) this.phase = 'error';
      return;
    } finally {
      if (generation === this.#generation) this.#flying.delete(b);
    }
    this.#pump();
  }

  #evict(): void {
    const [first, last] = this.#wanted;
    for (const b of this.#blocks.keys()) {
      if (this.#blocks.size <= KEPT_BLOCKS) return;
      if (b < Math.floor(first / BLOCK) - 1 || b > Math.floor(last / BLOCK) + 1) this.#blocks.delete(b);
    }
  }
}
