/** Which screen is shown. Kept in the hash, so that going back works. */
export const SCREENS = ['dashboard', 'files', 'convert', 'history', 'tables', 'backup', 'settings'] as const;
export type Screen = (typeof SCREENS)[number];

function read(): { screen: Screen; detail: string } {
  const [, screen = '', raw = ''] = window.location.hash.split('/');
  const detail = decoded(raw);
  return { screen: (SCREENS as readonly string[]).includes(screen) ? (screen as Screen) : 'files', detail };
}

/** For links; what is within the screen may hold any character. */
export function hashOf(screen: Screen, detail: string | number = ''): string {
  return detail === '' ? `#/${screen}` : `#/${screen}/${encodeURIComponent(String(detail)).replaceAll('%3A', ':').replaceAll('%2C', ',')}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

class Route {
  screen = $state<Screen>('files');
  /** What within the screen: an id, several with commas, or a view such as `trash`, `sql`, `table:NAME`. */
  detail = $state('');

  constructor() {
    this.#sync();
    window.addEventListener('hashchange', () => this.#sync());
  }

  go(screen: Screen, detail: string | number = ''): void {
    const hash = hashOf(screen, detail);
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
