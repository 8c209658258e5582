/** Saving a certificate, from wherever one is shown. */
import * as shell from '../tauri';
import { toasts } from './toasts.svelte';

export async function saveCertificate(conversionId: number): Promise<void> {
  try {
    if (await shell.saveCertificate(conversionId)) toasts.say('Certificate saved.');
  } catch (e) {
    toasts.fail(shell.toReport(e));
  }
}
