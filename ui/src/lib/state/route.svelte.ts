/** Which screen is shown. Kept in the hash, so that going back works. */
export const SCREENS = ['dashboard', 'files', 'convert', 'history', 'backup', 'settings'] as const;
export type Screen = (typeof SCREENS)[number];

function read(): { screen: Screen; detail: string } {
  const [, screen = '', detail = ''] = window.location.hash.split('/');
  return { screen: (SCREENS as readonly string[]).includes(screen) ? (screen as Screen) : 'files', detail };
}

class Route {
  screen = $state<Screen>('files');
  /** What within the screen: an id, or a view such as `trash`. */
  detail = $state('');

  constructor() {
    this.#sync();
    window.addEventListener('hashchange', () => this.#sync());
  }

  go(screen: Screen, detail: string | number = ''): void {
    const hash = detail === '' ? `#/${screen}` : `#/${screen}/${detail}`;
    if (window.location.hash !== hash) window.location.hash = hash;
    this.screen = screen;
    this.detail = String(detail);
  }

  #sync(): void {
    const { screen, detail } = read();
    this.screen = screen;
    this.detail = detail;
  }
}

export const route = new Route();
