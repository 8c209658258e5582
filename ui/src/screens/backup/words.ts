/** The checks of a bucket, each as what it means for a person. Names are core's. */
import type { ProbeCheckView } from '../../lib/contract/ProbeCheckView';
import { capital } from '../../lib/format';
import { sentence } from '../../lib/words';

interface Words {
  good: string;
  bad: string;
  /** What core found adds something though all is well. */
  tell?: boolean;
}

const CHECKS: Record<string, Words> = {
  write: { good: 'Files can be put into the bucket.', bad: 'Files cannot be put into the bucket.' },
  read: { good: 'What was put there reads back the same.', bad: 'What was put there cannot be read back.' },
  range: { good: 'A part of a file can be read on its own.', bad: 'A part of a file cannot be read on its own.' },
  list: { good: 'The bucket can be listed.', bad: 'The bucket cannot be listed.' },
  multipart: { good: 'Large files can be sent in parts.', bad: 'Large files cannot be sent in parts.' },
  copy: { good: 'The bucket copies by itself, so files are sent once.', bad: 'The bucket does not copy by itself, so files are sent twice.' },
  conditional_put: { good: 'The bucket was asked not to overwrite a file.', bad: 'The bucket could not be asked not to overwrite a file; no backup needs that.', tell: true },
  versioning: { good: 'Earlier contents of a file are kept.', bad: 'Whether the bucket keeps earlier contents could not be seen; Redline keeps them itself.', tell: true },
  clock: { good: 'This machine’s clock is close enough.', bad: 'This machine’s clock is wrong, and the bucket’s server refuses it.', tell: true },
  delete: { good: 'The files of this test were removed again.', bad: 'The files of this test could not be removed; they are small and safe to delete.' },
};

export function checkWords(check: ProbeCheckView): { text: string; detail: string } {
  const words = CHECKS[check.name];
  // The terminal says "hint:"; here it is a sentence like the others.
  const detail = sentence(check.detail.replace(/\s*hint: (.)/, (_, first: string) => ` ${first.toUpperCase()}`));
  // A check that a newer core makes and this window does not know.
  if (!words) return { text: sentence(capital(check.name.replaceAll('_', ' '))), detail };
  if (check.name === 'clock' && /does not say/.test(check.detail)) return { text: 'This machine’s clock could not be compared.', detail };
  return { text: check.ok ? words.good : words.bad, detail: !check.ok || words.tell ? detail : '' };
}
