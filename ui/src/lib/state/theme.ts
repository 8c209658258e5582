/** Light or dark, as the settings or the desktop want it. */
import type { Theme } from '../contract/Theme';

const wantsDark = window.matchMedia('(prefers-color-scheme: dark)');
let chosen: Theme = 'system';

function apply(): void {
  const dark = chosen === 'dark' || (chosen === 'system' && wantsDark.matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
}

wantsDark.addEventListener('change', apply);

export function setTheme(theme: Theme): void {
  chosen = theme;
  apply();
}
