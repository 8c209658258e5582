/** Tells the shell, once, that the window shows something worth seeing. */
import { windowReady } from '../tauri';

let told = false;

export function shown(): void {
  if (told) return;
  told = true;
  // A hidden window may never be given a frame; it must be told all the same.
  let done = false;
  const tell = () => {
    if (done) return;
    done = true;
    void windowReady().catch(() => {});
  };
  requestAnimationFrame(() => requestAnimationFrame(tell));
  setTimeout(tell, 120);
}
