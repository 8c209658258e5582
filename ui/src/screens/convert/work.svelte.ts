/**
 * What is being converted: the files, what they become, the choices made, and for
 * each file its plan. Every change is planned anew, one file after the other; the
 * plan before stays in view until the new one is here.
 */
import { untrack } from 'svelte';
import type { ConversionPlanView } from '../../lib/contract/ConversionPlanView';
import type { ConversionView } from '../../lib/contract/ConversionView';
import type { ErrorReport } from '../../lib/contract/ErrorReport';
import type { FileView } from '../../lib/contract/FileView';
import type { FormatView } from '../../lib/contract/FormatView';
import type { JobView } from '../../lib/contract/JobView';
import type { MergeBy } from '../../lib/contract/MergeBy';
import type { OptionView } from '../../lib/contract/OptionView';
import { usable } from '../../lib/options/form';
import { jobs } from '../../lib/state/jobs.svelte';
import { toasts } from '../../lib/state/toasts.svelte';
import * as shell from '../../lib/tauri';
import { FORMAT_ORDER } from '../../lib/words';

/** Typing and clicking through choices plans once, not at each step. */
const SETTLE_MS = 150;

export class Item {
  readonly file: FileView;
  plan = $state.raw<ConversionPlanView | null>(null);
  error = $state.raw<ErrorReport | null>(null);
  planning = $state(false);
  jobId = $state<string | null>(null);

  constructor(file: FileView) {
    this.file = file;
  }

  get job(): JobView | undefined {
    return this.jobId ? jobs.get(this.jobId) : undefined;
  }

  /** What came of it: several where each table of a file became one of its own. */
  get results(): ConversionView[] {
    const result = this.job?.result;
    return result?.type === 'convert' ? [result.value] : result?.type === 'convert_each' ? result.value : [];
  }

  get result(): ConversionView | null {
    return this.results[0] ?? null;
  }

  /** Rows do not fit and nobody has said to leave them out. */
  get undecided(): boolean {
    return this.plan !== null && this.plan.profile.rejects.count > 0 && this.plan.options.on_reject !== 'report';
  }

  get ready(): boolean {
    return this.plan !== null && this.error === null && !this.undecided;
  }
}

export class Work {
  items = $state.raw<Item[]>([]);
  /** Which of several files is looked at. */
  at = $state(0);
  to = $state<string | null>(null);
  set = $state.raw<shell.Options>({});
  mode = $state<'each' | 'merge'>('each');
  by = $state<MergeBy>('name');
  map = $state.raw<[string, string][]>([]);
  formats = $state.raw<FormatView[]>([]);
  options = $state.raw<OptionView[]>([]);
  merged = new Item({ id: 0, filename: '' } as FileView);
  /** A batch is running: files are converted one after the other. */
  running = $state(false);
  #turn = 0;
  #stop = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  several = $derived(this.items.length > 1);
  /** The one whose plan is in view. */
  current = $derived(this.several && this.mode === 'merge' ? this.merged : this.items[this.at]);
  busy = $derived(this.running || this.items.some((i) => i.job?.state === 'running') || this.merged.job?.state === 'running');
  targets = $derived([...this.formats].filter((f) => f.writes).sort((a, b) => rank(a.id) - rank(b.id)));

  choose(files: FileView[]): void {
    this.stopAll();
    this.items = files.map((file) => new Item(file));
    this.at = 0;
    this.set = {};
    this.map = [];
    this.mode = 'each';
    this.merged = new Item({ id: 0, filename: '' } as FileView);
    void this.#begin();
  }

  clear(): void {
    this.stopAll();
    this.items = [];
    this.to = null;
  }

  remove(item: Item): void {
    this.items = this.items.filter((i) => i !== item);
    this.at = Math.min(this.at, Math.max(0, this.items.length - 1));
    if (this.items.length < 2) this.mode = 'each';
    this.replan();
  }

  async #begin(): Promise<void> {
    try {
      if (this.formats.length === 0) this.formats = await shell.formats();
    } catch (e) {
      const item = this.items[0];
      if (item) item.error = shell.toReport(e);
      return;
    }
    const from = this.items.map((i) => i.file.format);
    const fits = this.targets.some((t) => t.id === this.to) && !(from.length === 1 && from[0] === this.to);
    if (!fits) this.to = (this.targets.find((t) => from.some((f) => f !== t.id)) ?? this.targets[0])?.id ?? null;
    this.replan(true);
  }

  target(to: string): void {
    this.to = to;
    this.replan();
  }

  change(set: shell.Options): void {
    this.set = set;
    this.replan();
  }

  /** Plans again what is there, once the changes have settled. */
  replan(now = false): void {
    untrack(() => {
      this.#turn += 1;
      // What was converted before was converted otherwise.
      for (const item of [...this.items, this.merged]) {
        item.jobId = null;
        item.planning = true;
      }
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#planAll(this.#turn), now ? 0 : SETTLE_MS);
    });
  }

  /** How the files come together changed, the files themselves not: what is planned of each still holds. */
  rejoin(change: { by?: MergeBy; map?: [string, string][] }): void {
    Object.assign(this, change);
    if (this.items.some((i) => i.planning)) return this.replan();
    const turn = ++this.#turn;
    this.merged.jobId = null;
    this.merged.planning = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#planMerge(turn), SETTLE_MS);
  }

  async #planAll(turn: number): Promise<void> {
    const to = this.to;
    if (!to || this.items.length === 0) return;
    try {
      await this.#ask(to, turn);
    } catch (e) {
      toasts.fail(shell.toReport(e));
    }
    // The one in view first.
    const first = this.items[this.at];
    for (const item of first ? [first, ...this.items.filter((i) => i !== first)] : []) {
      if (turn !== this.#turn) return;
      await this.#plan(item, turn, () => shell.planConversion(item.file.id, this.request(item)));
    }
    if (turn === this.#turn && this.mode === 'merge' && this.several) await this.#planMerge(turn);
  }

  #planMerge(turn: number): Promise<void> {
    return this.#plan(this.merged, turn, () => shell.planMerge(this.ids, this.request(), this.by, this.by === 'name' ? this.map : []));
  }

  /** What can be chosen, for all the formats at hand. */
  async #ask(to: string, turn: number): Promise<void> {
    const from = this.items.map((i) => i.file.format).filter((f, i, all) => all.indexOf(f) === i);
    const lists = await Promise.all(from.map((f) => shell.conversionOptions(f, to).catch((): OptionView[] => [])));
    if (turn !== this.#turn) return;
    from.forEach((f, i) => (this.#known[f] = lists[i]!));
    const all: OptionView[] = [];
    for (const option of lists.flat()) if (!all.some((o) => o.key === option.key)) all.push(option);
    this.options = all;
  }
  #known: Record<string, OptionView[]> = {};

  async #plan(item: Item, turn: number, ask: () => Promise<ConversionPlanView>): Promise<void> {
    try {
      const plan = await ask();
      if (turn !== this.#turn) return;
      item.plan = plan;
      item.error = null;
    } catch (e) {
      if (turn !== this.#turn) return;
      item.error = shell.toReport(e);
    } finally {
      if (turn === this.#turn) item.planning = false;
    }
  }

  get ids(): number[] {
    return this.items.map((i) => i.file.id);
  }

  /** For one file: only what its format has a use for. */
  request(item?: Item): { to: string; options: shell.Options } {
    const options = item ? (this.#known[item.file.format] ?? this.options) : this.options;
    return { to: this.to ?? '', options: usable(this.set, options) };
  }

  /** Converts what is in view, or the whole batch. */
  async run(): Promise<void> {
    if (!this.several || this.mode === 'merge') {
      const item = this.current;
      if (!item) return;
      await this.#start(item, () => (item === this.merged ? shell.mergeFiles(this.ids, this.request(), this.by, this.by === 'name' ? this.map : []) : shell.convertFile(item.file.id, this.request(item))));
      return;
    }
    this.running = true;
    this.#stop = false;
    for (const item of this.items) {
      if (this.#stop) break;
      if (!item.ready || item.result) continue;
      await this.#start(item, () => shell.convertFile(item.file.id, this.request(item)));
      if (item.jobId) await jobs.ended(item.jobId);
    }
    this.running = false;
  }

  async #start(item: Item, begin: () => Promise<string>): Promise<void> {
    item.error = null;
    try {
      item.jobId = await begin();
    } catch (e) {
      item.error = shell.toReport(e);
    }
  }

  async cancel(): Promise<void> {
    this.#stop = true;
    for (const item of [...this.items, this.merged]) {
      if (item.jobId && item.job?.state === 'running') await jobs.cancel(item.jobId).catch((e) => toasts.fail(shell.toReport(e)));
    }
  }

  /** Forgets what is under way here; jobs go on in the tray. */
  stopAll(): void {
    this.#turn += 1;
    this.#stop = true;
    clearTimeout(this.#timer);
  }
}

function rank(format: string): number {
  const at = FORMAT_ORDER.indexOf(format);
  return at < 0 ? FORMAT_ORDER.length : at;
}
