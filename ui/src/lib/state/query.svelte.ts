/** The console's text, its result and what was run before; kept while other screens are looked at. */
import type { ErrorReport } from '../contract/ErrorReport';
import type { QueryRecord } from '../contract/QueryRecord';
import type { QueryRelation } from '../contract/QueryRelation';
import { GridSession } from '../grid/session.svelte';
import { sqlName } from '../options/sql-names';
import * as shell from '../tauri';

class Query {
  text = $state('');
  running = $state(false);
  cancelling = $state(false);
  error = $state.raw<ErrorReport | null>(null);
  /** What the rows in view came from, which need not be the text any more. */
  ran = $state('');
  millis = $state(0);
  history = $state.raw<QueryRecord[]>([]);
  relations = $state.raw<QueryRelation[]>([]);
  readonly result = new GridSession();
  #turn = 0;

  /** A query to begin with, unless one is being written. */
  begin(name: string): void {
    const text = `SELECT *\nFROM ${sqlName(name)}\nLIMIT 1000`;
    if (this.text.trim() === '' || this.text === this.ran || /^SELECT \*\nFROM \S+\nLIMIT 1000$/.test(this.text)) this.text = text;
  }

  async load(): Promise<void> {
    const [history, relations] = await Promise.allSettled([shell.queryHistory(), shell.queryRelations()]);
    if (history.status === 'fulfilled') this.history = history.value;
    if (relations.status === 'fulfilled') this.relations = relations.value;
  }

  async run(): Promise<void> {
    const sql = this.text.trim();
    if (sql === '' || this.running) return;
    const turn = ++this.#turn;
    this.running = true;
    this.error = null;
    try {
      const view = await shell.runQuery(sql);
      if (turn !== this.#turn) return void shell.closeGrid(view.grid.grid).catch(() => {});
      this.ran = sql;
      this.millis = view.millis;
      this.result.adopt(view.grid);
    } catch (e) {
      if (turn === this.#turn) this.error = shell.toReport(e);
    } finally {
      if (turn === this.#turn) {
        this.running = false;
        this.cancelling = false;
      }
    }
    void this.load();
  }

  async cancel(): Promise<void> {
    this.cancelling = true;
    try {
      await shell.cancelQuery();
    } catch (e) {
      this.error = shell.toReport(e);
      this.cancelling = false;
    }
  }

  clear(): void {
    this.#turn += 1;
    this.text = '';
    this.ran = '';
    this.error = null;
    this.running = false;
    this.cancelling = false;
    this.history = [];
    this.relations = [];
    this.result.close();
  }
}

export const query = new Query();
