/**
 * The rows of one open grid: blocks fetched as they come into view, a few kept.
 * A block that has scrolled past before it was asked for is never asked for. Where
 * the number of rows is not known yet, the end moves on as rows are found.
 */
import { untrack } from 'svelte';
import type { ErrorReport } from '../contract/ErrorReport';
import type { GridColumn } from '../contract/GridColumn';
import type { GridOpen } from '../contract/GridOpen';
import * as shell from '../tauri';

export type Row = (string | null)[];

/** Cells in a block: some 64 rows of a table as wide as a screen is not, 256 of most. */
const BLOCK_CELLS = 8_192;
const KEPT_BLOCKS = 48;
const IN_FLIGHT = 2;
/** While the thumb is dragged, only where it rests is fetched. */
const REST_MS = 40;
/** How often the number of rows is asked for while they are being counted. */
const COUNT_MS = 1_500;

export class GridData {
  readonly handle: string;
  readonly columns: GridColumn[];
  readonly block: number;
  /** Rows to scroll through; exact once `exact`. */
  count = $state(0);
  exact = $state(false);
  error = $state.raw<ErrorReport | null>(null);
  #revision = $state(0);
  // Plain on purpose: #revision says when they changed.
  /* eslint-disable svelte/prefer-svelte-reactivity */
  #blocks = new Map<number, Row[]>();
  #flying = new Set<number>();
  /* eslint-enable svelte/prefer-svelte-reactivity */
  #wanted: [number, number] = [0, 0];
  #asked = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #counting: ReturnType<typeof setInterval> | undefined;

  constructor(open: GridOpen) {
    this.handle = open.grid;
    this.columns = open.columns;
    this.exact = open.rows !== null;
    this.count = open.rows ?? open.at_least;
    if (!this.exact) this.#counting = setInterval(() => void this.#count(), COUNT_MS);
    this.block = Math.min(256, Math.max(16, Math.floor(BLOCK_CELLS / Math.max(1, open.columns.length))));
  }

  /** The row at `index`, or undefined while it is on its way. */
  at(index: number): Row | undefined {
    void this.#revision;
    return this.#blocks.get(Math.floor(index / this.block))?.[index % this.block];
  }

  /** Tells which rows are in view; fetches what is missing there once the view rests. */
  want(first: number, last: number): void {
    this.#wanted = [Math.max(0, first), Math.max(first, last)];
    untrack(() => {
      clearTimeout(this.#timer);
      const moving = performance.now() - this.#asked < REST_MS;
      this.#asked = performance.now();
      if (moving) this.#timer = setTimeout(() => this.#pump(), REST_MS);
      else this.#pump();
    });
  }

  retry(): void {
    this.error = null;
    this.#pump();
  }

  /** Rows to take along, fetched whether in view or not. */
  async collect(first: number, count: number): Promise<Row[]> {
    const rows: Row[] = [];
    while (rows.length < count) {
      const part = await shell.gridRows(this.handle, first + rows.length, Math.min(this.block * 8, count - rows.length));
      rows.push(...part.rows);
      if (part.rows.length === 0) break;
    }
    return rows;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#counting);
    void shell.closeGrid(this.handle).catch(() => {});
  }

  #pump(): void {
    if (this.#closed || this.error) return;
    const [first, last] = this.#wanted;
    const from = Math.floor(first / this.block);
    const to = Math.floor(Math.min(last, Math.max(0, this.count - 1)) / this.block);
    for (let b = from; b <= to && this.#flying.size < IN_FLIGHT; b += 1) {
      if (!this.#blocks.has(b) && !this.#flying.has(b) && b * this.block < this.count) void this.#fetch(b);
    }
  }

  async #fetch(b: number): Promise<void> {
    this.#flying.add(b);
    try {
      const first = b * this.block;
      const answer = await shell.gridRows(this.handle, first, this.block);
      if (this.#closed) return;
      this.#blocks.set(b, answer.rows);
      this.#settle(answer.total, first, answer.rows.length);
      this.#evict();
      this.#revision += 1;
    } catch (e) {
      if (!this.#closed) this.error = shell.toReport(e);
    } finally {
      this.#flying.delete(b);
    }
    this.#pump();
  }

  async #count(): Promise<void> {
    if (this.exact || this.#closed) return clearInterval(this.#counting);
    try {
      const { total } = await shell.gridRows(this.handle, 0, 1);
      if (total === null || this.#closed) return;
      this.count = total;
      this.exact = true;
    } catch {
      // The rows in view say the same trouble, with Retry.
    }
  }

  #settle(total: number | null, first: number, got: number): void {
    if (total !== null) {
      this.count = total;
      this.exact = true;
    } else if (got < this.block) {
      this.count = first + got;
      this.exact = true;
    } else if (first + got >= this.count) {
      // The end as far as anyone knew, and yet a full block: there is more.
      this.count = first + got + this.block * 4;
    }
  }

  #evict(): void {
    const [first, last] = this.#wanted;
    for (const b of this.#blocks.keys()) {
      if (this.#blocks.size <= KEPT_BLOCKS) return;
      if (b < Math.floor(first / this.block) - 1 || b > Math.floor(last / this.block) + 1) this.#blocks.delete(b);
    }
  }
}
