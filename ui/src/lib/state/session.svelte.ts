/** Who is signed in, what this machine remembers, and what it was told once. */
import type { AppState } from '../contract/AppState';
import type { ErrorReport } from '../contract/ErrorReport';
import type { SessionView } from '../contract/SessionView';
import type { Settings } from '../contract/Settings';
import type { SignInRequest } from '../contract/SignInRequest';
import * as shell from '../tauri';
import { on } from './bus';

class Session {
  app = $state.raw<AppState | null>(null);
  error = $state.raw<ErrorReport | null>(null);
  /** Sentences to show once: what opening the store mended, what reconciling found. */
  notices = $state<string[]>([]);
  /** A free key was just made and its recovery kit is not saved yet. */
  offerKit = $state(false);
  /** Counts sessions, so that whatever belongs to one store is dropped with it. */
  epoch = $state(0);
  /** Told before the window redraws, so that no screen sees the last store's files. */
  onchange: (signedIn: boolean) => void = () => {};

  get current(): SessionView | null {
    return this.app?.session ?? null;
  }

  get settings(): Settings | null {
    return this.app?.settings ?? null;
  }

  async load(): Promise<void> {
    this.error = null;
    try {
      this.#accept(await shell.appState());
    } catch (e) {
      this.error = shell.toReport(e);
    }
  }

  async retryKeyring(): Promise<void> {
    this.#accept(await shell.retryKeyring());
  }

  async signIn(request: SignInRequest): Promise<void> {
    this.#open(await shell.signIn(request));
  }

  async openProfile(name: string, passphrase: string | null): Promise<void> {
    this.#open(await shell.openProfile(name, passphrase));
  }

  async signOut(): Promise<void> {
    this.#accept(await shell.signOut());
  }

  async forget(name: string): Promise<void> {
    this.#accept(await shell.forgetProfile(name));
  }

  async rename(name: string, label: string): Promise<void> {
    await shell.renameProfile(name, label);
    this.#accept(await shell.appState());
  }

  async saveSettings(patch: Partial<Settings>): Promise<void> {
    if (!this.app) return;
    const settings = await shell.saveSettings({ ...this.app.settings, ...patch });
    this.app = { ...this.app, settings };
  }

  async saveKit(): Promise<boolean> {
    const saved = await shell.saveRecoveryKit();
    if (saved) this.offerKit = false;
    return saved;
  }

  dismissNotices(): void {
    this.notices = [];
  }

  #open(session: SessionView): void {
    if (!this.app) return;
    this.#accept({ ...this.app, session });
    // The same news may have come as an event first, with less in it.
    if (session.new_key) this.offerKit = true;
    if (this.notices.length === 0) this.notices = session.notice.lines;
    // The list of profiles has the new one, and its `current` has moved.
    void shell.appState().then((app) => (this.app = app), () => {});
  }

  #accept(app: AppState): void {
    const before = this.current?.profile.name ?? null;
    this.app = app;
    const after = this.current;
    if ((after?.profile.name ?? null) !== before) {
      this.epoch += 1;
      this.offerKit = after?.new_key ?? false;
      this.notices = after?.notice.lines ?? [];
      this.onchange(after !== null);
    }
  }

  constructor() {
    on('session', (e) => {
      if (this.app) this.#accept({ ...this.app, session: e.value });
    });
    on('keyring', (e) => {
      if (this.app) this.app = { ...this.app, keyring: e.value };
    });
    on('settings', (e) => {
      if (this.app) this.app = { ...this.app, settings: e.value };
    });
    on('notice', (e) => {
      this.notices = [...this.notices, ...e.value.lines].slice(-20);
    });
  }
}

export const session = new Session();
