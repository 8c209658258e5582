/**
 * A grid that is looked at: opened once, then filtered and sorted. The rows of
 * before stay in view until the new ones are there; handles are closed behind.
 */
import type { ErrorReport } from '../contract/ErrorReport';
import type { GridFilter } from '../contract/GridFilter';
import type { GridOpen } from '../contract/GridOpen';
import type { GridTarget } from '../contract/GridTarget';
import type { GridSort } from '../contract/GridSort';
import * as shell from '../tauri';
import { GridData } from './rows.svelte';

export class GridSession {
  phase = $state<'opening' | 'ready' | 'error'>('opening');
  error = $state.raw<ErrorReport | null>(null);
  data = $state.raw<GridData | null>(null);
  filters = $state.raw<GridFilter[]>([]);
  sort = $state.raw<GridSort | null>(null);
  /** What is being done to the rows, if anything is. */
  refining = $state<'' | 'filtering' | 'sorting'>('');
  /** Why the last filter or order could not be had. */
  refused = $state.raw<ErrorReport | null>(null);
  #base: GridData | null = null;
  #turn = 0;

  async open(of: GridTarget, options: shell.Options = {}): Promise<void> {
    const turn = ++this.#turn;
    this.#closeAll();
    this.phase = 'opening';
    this.error = null;
    this.filters = [];
    this.sort = null;
    this.refining = '';
    this.refused = null;
    try {
      const open = await shell.openGrid(of, options);
      if (turn !== this.#turn) return void shell.closeGrid(open.grid).catch(() => {});
      this.#take(open);
    } catch (e) {
      if (turn !== this.#turn) return;
      this.error = shell.toReport(e);
      this.phase = 'error';
    }
  }

  /** A grid that is open already: a query's result. */
  adopt(open: GridOpen): void {
    this.#turn += 1;
    this.#closeAll();
    this.filters = [];
    this.sort = null;
    this.refining = '';
    this.refused = null;
    this.error = null;
    this.#take(open);
  }

  #take(open: GridOpen): void {
    this.data = this.#base = new GridData(open);
    this.phase = 'ready';
  }

  filter(filters: GridFilter[]): Promise<void> {
    return this.#refine(filters, this.sort, 'filtering');
  }

  order(sort: GridSort | null): Promise<void> {
    return this.#refine(this.filters, sort, 'sorting');
  }

  async #refine(filters: GridFilter[], sort: GridSort | null, what: 'filtering' | 'sorting'): Promise<void> {
    const base = this.#base;
    if (!base) return;
    const turn = ++this.#turn;
    const before = { filters: this.filters, sort: this.sort };
    this.filters = filters;
    this.sort = sort;
    this.refused = null;
    if (filters.length === 0 && sort === null) {
      this.refining = '';
      this.#show(base);
      return;
    }
    this.refining = what;
    try {
      const open = await shell.refineGrid(base.handle, { filters, sort });
      if (turn !== this.#turn) return void shell.closeGrid(open.grid).catch(() => {});
      this.#show(new GridData(open));
    } catch (e) {
      if (turn !== this.#turn) return;
      this.refused = shell.toReport(e);
      Object.assign(this, before);
    } finally {
      if (turn === this.#turn) this.refining = '';
    }
  }

  #show(data: GridData): void {
    const before = this.data;
    this.data = data;
    if (before && before !== this.#base && before !== data) before.close();
  }

  /** Leaves the rows as they were before what is being done to them. */
  stop(): void {
    if (this.refining === '') return;
    this.#turn += 1;
    this.refining = '';
    this.filters = [];
    this.sort = null;
    if (this.#base) this.#show(this.#base);
  }

  close(): void {
    this.#turn += 1;
    this.#closeAll();
  }

  #closeAll(): void {
    this.data?.close();
    this.#base?.close();
    this.data = this.#base = null;
  }
}
