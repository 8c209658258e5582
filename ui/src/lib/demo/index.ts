/**
 * A shell that is not there: believable answers for `vite dev`, tests and
 * screenshots. Steered by the page's query string:
 *
 * `files=0|3|10000|1000000` · `session=none` · `profiles=0` ·
 * `keyring=locked|absent|denied` · `theme=light|dark` · `jobs=some` ·
 * `backup=STATE` and `points=N` (see backup.ts) · `quota=none` · `slow=MS` · `fail=COMMAND` · `drag=1` · `new=1` ·
 * `quick=1` (jobs and queries end at once) · `tables=N` more tables
 *
 * Never part of a production bundle: only `lib/tauri/transport.ts` loads it, and
 * only in development.
 */
import type { AppState } from '../contract/AppState';
import type { ErrorReport } from '../contract/ErrorReport';
import type { Event as CoreEvent } from '../contract/Event';
import type { FileQuery } from '../contract/FileQuery';
import type { FileView } from '../contract/FileView';
import type { JobResult } from '../contract/JobResult';
import type { JobView } from '../contract/JobView';
import type { OfferedPath } from '../contract/OfferedPath';
import type { ProfileView } from '../contract/ProfileView';
import type { SessionView } from '../contract/SessionView';
import type { SignInRequest } from '../contract/SignInRequest';
import type { Transport } from '../tauri/transport';
import { backupCommands } from './backup-commands';
import { DemoCatalog } from './catalog';
import { convertCommands } from './convert-commands';
import { conversions } from './conversions';
import { storeStats } from './stats';
import { tableCommands } from './table-commands';

const GB = 1_000_000_000;

/** Written as a method, so that each command can name the arguments it takes. */
type Command = { run(args: unknown): unknown }['run'];

/** What waits while transfers are paused. */
const TRANSFERS: JobView['kind'][] = ['backup', 'restore', 'check_backup', 'drill', 'retention', 'free', 'fetch'];

/** What every group of commands stands on. */
export interface DemoShell {
  catalog: DemoCatalog;
  /** Throws as core does where there is none. */
  file(id: number): FileView;
  tell(event: CoreEvent): void;
  job(kind: JobView['kind'], title: string, phase: string, bytes: number, items: number, finish: () => JobResult, seconds?: number, phases?: string[]): string;
  /** Holds transfers back, or lets them go on. */
  hold(paused: boolean): void;
  held(): boolean;
  settings(): AppState['settings'];
  /** No waiting, for tests and pictures. */
  quick: boolean;
}

function report(message: string, hint: string, retryable = true): ErrorReport {
  return { code: 'internal', message, hint, retryable };
}

export function demoTransport(options: URLSearchParams): Transport {
  const count = Number(options.get('files') ?? 1284);
  const catalog = new DemoCatalog(count);
  if (count >= 8 && !options.has('clean')) catalog.trash([count - 20, count - 31, count - 47].filter((id) => id > 0));
  const handlers = new Map<string, Set<(payload: unknown) => void>>();
  const jobs = new Map<string, JobView>();
  const timers = new Map<string, ReturnType<typeof setInterval>>();
  const offers = new Map<string, OfferedPath>();
  let held = false;
  const history = conversions(options.has('empty') ? 0 : 37);
  let nextJob = 1;
  let server = { running: false, address: null as string | null };

  const profiles: ProfileView[] = [
    {
      name: 'research-desk',
      label: 'Research desk',
      masked_key: 'RL-0566····-····CC32',
      tier: 'standard',
      kept_in: 'keyring',
      quota_bytes: options.get('quota') === 'none' ? null : 10 * GB,
      last_used_at: new Date(Date.now() - 40 * 60_000).toISOString(),
      current: false,
    },
    {
      name: 'at-home',
      label: 'At home',
      masked_key: 'RL-9K2M····-····7Q0D',
      tier: 'free',
      kept_in: 'passphrase_file',
      quota_bytes: null,
      last_used_at: new Date(Date.now() - 9 * 86_400_000).toISOString(),
      current: false,
    },
  ];
  if (options.get('profiles') === '0') profiles.length = 0;

  const details = {
    ready: 'The keyring answers.',
    locked: 'Your desktop’s keyring is there, but locked.',
    absent: 'No secret service answers on the session bus.',
    denied: 'The keyring is there and said no to Redline.',
  };
  const keyring = (options.get('keyring') ?? 'ready') as keyof typeof details;
  const state: AppState = {
    version: '0.1.0',
    keyring: { state: keyring, detail: details[keyring] },
    profiles,
    session: null,
    settings: {
      theme: (options.get('theme') ?? 'system') as AppState['settings']['theme'],
      on_duplicate: 'skip',
      sign_in_at_start: true,
      api_port: 8080,
      auto_backup: true,
      bandwidth_limit: null,
    },
  };
  const open = (profile: ProfileView, fresh = false): SessionView => {
    profiles.forEach((p) => (p.current = p.name === profile.name));
    state.session = {
      profile: { ...profile, current: true },
      notice: { lines: options.has('notice') ? ['2 files found in the folder without a row were adopted.'] : [] },
      new_key: fresh,
    };
    return state.session;
  };
  if (options.get('session') !== 'none' && profiles[0]) open(profiles[0], options.has('new'));

  const emit = (event: string, payload: unknown) => handlers.get(event)?.forEach((handler) => handler(payload));
  const tell = (event: CoreEvent) => emit('redline://event', event);
  const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

  function job(kind: JobView['kind'], title: string, phase: string, bytes: number, items: number, finish: () => JobResult, seconds = 4, phases: string[] = [phase]): string {
    const id = `job-${nextJob++}`;
    const view: JobView = {
      id,
      kind,
      title,
      state: 'running',
      phase,
      bytes_done: 0,
      bytes_total: bytes,
      items_done: 0,
      items_total: items,
      rate: null,
      left: null,
      started_at: new Date(Date.now() + nextJob).toISOString(),
      finished_at: null,
      can_cancel: true,
      elsewhere: false,
      error: null,
      result: null,
    };
    jobs.set(id, view);
    let worked = 0;
    let last = Date.now();
    const tick = () => {
      const now = Date.now();
      if (held && TRANSFERS.includes(kind)) {
        last = now;
        return;
      }
      worked += now - last;
      last = now;
      const way = Math.min(1, worked / (seconds * 1000));
      // Each run of one phase counts from nothing.
      const at = Math.min(phases.length - 1, Math.floor(way * phases.length));
      view.phase = phases[at]!;
      const first = phases.indexOf(view.phase);
      const share = way === 1 ? 1 : (way * phases.length - first) / (phases.lastIndexOf(view.phase) + 1 - first);
      view.bytes_done = Math.round(bytes * share);
      view.items_done = Math.floor(items * share);
      view.rate = Math.round(bytes / seconds);
      const left = seconds * (1 - share);
      view.left = { low_s: Math.floor(left * 0.9), high_s: Math.ceil(left * 1.2) };
      if (view.phase === 'waiting for the network') {
        // Nothing moves, and nobody knows for how long.
        view.rate = view.left = null;
        view.bytes_done = Math.round(bytes * 0.4);
      }
      if (way === 1) {
        clearInterval(timers.get(id));
        view.state = 'done';
        view.can_cancel = false;
        view.left = null;
        view.finished_at = new Date().toISOString();
        try {
          view.result = finish();
        } catch (thrown) {
          view.state = 'failed';
          view.error = thrown as ErrorReport;
        }
        if (view.result?.type === 'import' && view.result.value.failed_count > 0) view.state = 'partial';
      }
      tell({ type: 'job', value: copy(view) });
    };
    timers.set(id, setInterval(tick, 100));
    queueMicrotask(tick);
    return id;
  }

  function offer(name: string, size: number | null, folder = false): OfferedPath {
    const path = { token: `offer-${offers.size + 1}`, name, is_folder: folder, size_bytes: size };
    offers.set(path.token, path);
    return path;
  }

  function store(tokens: string[], keep: boolean): string {
    const given = tokens.flatMap((t) => offers.get(t) ?? []);
    const bytes = given.reduce((n, o) => n + (o.size_bytes ?? 240_000_000), 0);
    const title = given.length === 1 ? `Storing ${given[0]!.name}` : `Storing ${given.length} files`;
    return job('import', title, 'copying', bytes, given.length, () => {
      const clash = !keep && given.length > 2 ? catalog.page({ ...everything, limit: 1 }).files[0] : undefined;
      const broken = given.length > 2 ? given[given.length - 1] : undefined;
      const good = given.slice(0, given.length - (clash ? 1 : 0) - (broken ? 1 : 0));
      const imported = good.map((o) => catalog.add(o.name, o.size_bytes ?? 120_000_000));
      tell({ type: 'files' });
      return {
        type: 'import',
        value: {
          imported_count: imported.length,
          imported_bytes: imported.reduce((n, f) => n + f.size_bytes, 0),
          skipped_count: clash ? 1 : 0,
          failed_count: broken ? 1 : 0,
          imported,
          skipped: clash ? [{ path: given[good.length]!.name, already: clash, reason: 'Its bytes are stored already.', token: given[good.length]!.token }] : [],
          failed: broken
            ? [{ path: broken.name, token: broken.token, error: report(`Could not read “${broken.name}”: it changed while it was read.`, 'Wait until the other program has finished writing it, then retry.') }]
            : [],
        },
      };
    });
  }

  const everything: FileQuery = { file_type: null, search: null, sort: 'added', reverse: false, offset: 0, limit: 100, trash: false };

  function file(id: number) {
    const found = catalog.file(id);
    if (!found) throw report(`No file ${id} in this store.`, 'It may have been deleted for good.', false);
    return found;
  }

  const shell: DemoShell = { catalog, file, tell, job, hold: (paused) => (held = paused), held: () => held, settings: () => state.settings, quick: options.has('quick') };

  const commands: Record<string, Command> = {
    app_state: () => state,
    retry_keyring: () => {
      state.keyring = { state: 'ready', detail: details.ready };
      return state;
    },
    sign_in: ({ request }: { request: SignInRequest }) => {
      if (request.key?.endsWith('00000000')) throw report('The license server refused this key.', 'Check it against your licence letter, or ask who issued it.', false);
      const masked = request.key ? `${request.key.slice(0, 7)}····-····${request.key.slice(-4)}` : 'RL-Q7WX····-····3M9A';
      const profile: ProfileView = {
        name: `profile-${profiles.length + 1}`,
        label: request.label ?? (request.key ? 'New profile' : 'Free store'),
        masked_key: masked,
        tier: request.key ? 'standard' : 'free',
        kept_in: request.keep,
        quota_bytes: request.key ? 10 * GB : null,
        last_used_at: new Date().toISOString(),
        current: true,
      };
      profiles.unshift(profile);
      return open(profile, request.key === null);
    },
    use_profile: ({ name, passphrase }: { name: string; passphrase: string | null }) => {
      const profile = profiles.find((p) => p.name === name)!;
      if (profile.kept_in === 'passphrase_file' && passphrase !== 'open sesame') throw report('That passphrase does not open this profile.', 'Type it again; capitals count.', false);
      return open(profile);
    },
    sign_out: () => {
      state.session = null;
      profiles.forEach((p) => (p.current = false));
      return state;
    },
    forget_profile: ({ name }: { name: string }) => {
      const at = profiles.findIndex((p) => p.name === name);
      if (at >= 0) profiles.splice(at, 1);
      if (state.session?.profile.name === name) state.session = null;
      return state;
    },
    rename_profile: ({ name, label }: { name: string; label: string }) => {
      profiles.filter((p) => p.name === name).forEach((p) => (p.label = label));
      if (state.session?.profile.name === name) state.session.profile.label = label;
      return null;
    },
    save_recovery_kit: () => true,
    save_settings: ({ settings }: { settings: AppState['settings'] }) => {
      state.settings = settings;
      tell({ type: 'settings', value: copy(settings) });
      return settings;
    },
    list_files: ({ query }: { query: FileQuery }) => catalog.page(query),
    file_counts: () => catalog.counts(),
    file_details: ({ id }: { id: number }) => file(id),
    pick_files: () => [offer('ticks_eurusd.csv', 187_000_000), offer('ticks_gbpusd.csv', 122_000_000), offer('prices_2024 (1).csv', 88_412_906), offer('live_feed.csv', 4_100_000)],
    pick_folders: () => [offer('2025 exports', null, true)],
    import_offered: ({ tokens, onDuplicate }: { tokens: string[]; onDuplicate: string | null }) => store(tokens, onDuplicate === 'keep'),
    save_copies: ({ ids }: { ids: number[] }) =>
      job('export', ids.length === 1 ? `Saving a copy of ${file(ids[0]!).filename}` : `Saving ${ids.length} copies`, 'copying', 60_000_000 * ids.length, ids.length, () => ({
        type: 'export',
        value: { files: ids.length, bytes: 60_000_000 * ids.length, failed: [] },
      })),
    delete_files: ({ ids }: { ids: number[] }) => {
      const n = catalog.trash(ids);
      tell({ type: 'files' });
      return n;
    },
    restore_from_trash: ({ ids }: { ids: number[] }) => {
      const n = catalog.restore(ids);
      tell({ type: 'files' });
      return n;
    },
    empty_trash: () => {
      const n = catalog.empty();
      tell({ type: 'files' });
      return n;
    },
    verify_files: ({ ids }: { ids: number[] | null }) => {
      const n = ids?.length ?? catalog.page(everything).total;
      return job('verify', ids ? `Verifying ${n} ${n === 1 ? 'file' : 'files'}` : 'Verifying every file', 'reading', 900_000_000, n, () => ({
        type: 'verify',
        value: { ok: ids ? n : n - 1, changed: [], missing: ids ? [] : catalog.page(everything).files.filter((f) => f.status === 'missing'), unreadable: [] },
      }));
    },
    stats: () => storeStats(catalog, state.session?.profile.quota_bytes ?? null),
    jobs: () => [...jobs.values()],
    cancel_job: ({ id }: { id: string }) => {
      const view = jobs.get(id);
      if (!view) return null;
      clearInterval(timers.get(id));
      Object.assign(view, { state: 'cancelled', can_cancel: false, left: null, finished_at: new Date().toISOString() });
      tell({ type: 'job', value: copy(view) });
      return null;
    },
    dismiss_job: ({ id }: { id: string }) => jobs.delete(id),
    ...convertCommands(shell, history),
    ...tableCommands(shell, history, options),
    ...backupCommands(shell, options),
    doctor: () => [
      { name: 'Data folder', ok: true, detail: 'Writable, 212 GB free.', hint: '' },
      { name: 'Keyring', ok: true, detail: 'Secret service answers in 4 ms.', hint: '' },
      { name: 'Catalog', ok: true, detail: 'Opens in 18 ms; schema 1.', hint: '' },
      { name: 'Clock', ok: false, detail: 'The clock is 6 minutes behind the bucket’s.', hint: 'Set the time automatically; S3 refuses requests past 15 minutes.' },
    ],
    server_status: () => server,
    start_server: ({ port }: { port: number }) => (server = { running: true, address: `http://127.0.0.1:${port}` }),
    stop_server: () => (server = { running: false, address: null }),
    window_ready: () => null,
  };

  if (options.get('jobs') === 'some') {
    job('import', 'Storing 3 files', 'copying', 3_100_000_000, 3, () => ({ type: 'reconcile', value: { lines: [] } }), 600);
    const first = [...jobs.values()][0]!;
    clearInterval(timers.get(first.id));
    queueMicrotask(() => Object.assign(first, { bytes_done: 1_900_000_000, items_done: 2, rate: 640_000_000, left: { low_s: 2, high_s: 2 } }));
    setTimeout(() => tell({ type: 'job', value: copy(first) }), 50);
    const done = (extra: Partial<JobView>) => jobs.set(extra.id!, { ...copy(first), state: 'done', can_cancel: false, left: null, bytes_done: 0, finished_at: new Date().toISOString(), ...extra });
    done({ id: 'job-v', kind: 'verify', title: 'Verifying every file', started_at: '2026-01-01T00:00:01Z', result: { type: 'verify', value: { ok: 1284, changed: [], missing: [], unreadable: [] } } });
    const files = catalog.page({ ...everything, limit: 6 }).files;
    done({
      id: 'job-i',
      kind: 'import',
      title: 'Storing 9 files',
      state: 'partial',
      started_at: '2026-01-01T00:00:02Z',
      result: {
        type: 'import',
        value: {
          imported_count: 6,
          imported_bytes: 1_900_000_000,
          skipped_count: 2,
          failed_count: 1,
          imported: files,
          skipped: files.slice(0, 2).map((f, i) => ({ path: `exports/copy of ${f.filename}`, already: f, reason: 'Its bytes are stored already.', token: offer(`copy ${i}.csv`, 1000).token })),
          failed: [{ path: 'exports/live_feed.csv', token: offer('live_feed.csv', 4_000).token, error: report('Could not read “live_feed.csv”: it changed while it was read.', 'Wait until the other program has finished writing it, then retry.') }],
        },
      },
    });
    if (options.has('results')) setTimeout(() => document.querySelector<HTMLElement>('[data-testid=job-results]')?.click(), 600);
  }
  if (options.has('drag')) setTimeout(() => emit('redline://drag', { over: true, count: 3 }), 300);

  // A browser's own drag and drop, so that the whole path can be tried by hand.
  let depth = 0;
  window.addEventListener('dragenter', (e) => {
    depth += 1;
    emit('redline://drag', { over: true, count: e.dataTransfer?.items.length ?? 0 });
  });
  window.addEventListener('dragleave', () => {
    depth -= 1;
    if (depth === 0) emit('redline://drag', { over: false, count: 0 });
  });
  window.addEventListener('dragover', (e) => e.preventDefault());
  window.addEventListener('drop', (e) => {
    e.preventDefault();
    depth = 0;
    emit('redline://drag', { over: false, count: 0 });
    emit('redline://offered', [...(e.dataTransfer?.files ?? [])].map((f) => offer(f.name, f.size)));
  });

  const slow = Number(options.get('slow') ?? 12);
  const fail = options.get('fail');
  return {
    invoke: async (command, args) => {
      await new Promise((done) => setTimeout(done, slow));
      if (command === fail) throw report('The store is in use by another program (python3, process 4711).', 'Close it there, then retry.');
      const run = commands[command];
      if (!run) throw report(`No command “${command}”.`, '', false);
      return copy((await run(args)) ?? null);
    },
    listen: (event, handler) => {
      const set = handlers.get(event) ?? new Set();
      handlers.set(event, set);
      set.add(handler);
      return Promise.resolve(() => set.delete(handler));
    },
  };
}
