/** The store's data tables: names for stored files. A few hundred at most, so all of them at once. */
import type { DataTableView } from '../contract/DataTableView';
import type { ErrorReport } from '../contract/ErrorReport';
import * as shell from '../tauri';
import { on, throttled } from './bus';

class Tables {
  list = $state.raw<DataTableView[]>([]);
  phase = $state<'loading' | 'ready' | 'error'>('loading');
  error = $state.raw<ErrorReport | null>(null);
  #turn = 0;

  constructor() {
    // A file that goes takes its table's contents with it; one that comes back brings them.
    const again = throttled(400, () => this.phase !== 'loading' && void this.load());
    on('files', again);
    on('history', again);
  }

  clear(): void {
    this.#turn += 1;
    this.list = [];
    this.phase = 'loading';
    this.error = null;
  }

  async load(): Promise<void> {
    const turn = ++this.#turn;
    try {
      const list = await shell.dataTables();
      if (turn !== this.#turn) return;
      this.list = list;
      this.phase = 'ready';
      this.error = null;
    } catch (e) {
      if (turn !== this.#turn) return;
      this.error = shell.toReport(e);
      if (this.list.length === 0) this.phase = 'error';
    }
  }

  find(name: string): DataTableView | undefined {
    return this.list.find((t) => t.table_name === name);
  }

  async add(fileId: number, name: string | null): Promise<DataTableView> {
    const added = await shell.addTable(fileId, name);
    await this.load();
    return added;
  }

  async drop(name: string): Promise<void> {
    await shell.dropTable(name);
    await this.load();
  }
}

export const tables = new Tables();
