/** What the bucket was found to do, and what restore points hold, as a person says it. Names are core's. */
import type { JobKind } from '../../lib/contract/JobKind';
import type { PointState } from '../../lib/contract/PointState';
import type { ProbeCheckView } from '../../lib/contract/ProbeCheckView';
import type { RestorePointView } from '../../lib/contract/RestorePointView';
import type { TransferView } from '../../lib/contract/TransferView';
import { capital, formatBytes, formatCount, formatMoment } from '../../lib/format';
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
  // Neither is needed, and "passed" says nothing of which it is: core's finding does.
  conditional_put: { good: 'Asked not to overwrite a file:', bad: 'The bucket could not be asked not to overwrite a file; no backup needs that.', tell: true },
  versioning: { good: 'Versions kept by the bucket:', bad: 'Whether the bucket keeps earlier contents could not be seen; Redline keeps them itself.', tell: true },
  clock: { good: 'This machine’s clock is close enough.', bad: 'This machine’s clock is wrong, and the bucket’s server refuses it.', tell: true },
  delete: { good: 'The files of this test were removed again.', bad: 'The files of this test could not be removed; they are small and safe to delete.' },
};

export function checkWords(check: ProbeCheckView): { text: string; detail: string } {
  const words = CHECKS[check.name];
  // The terminal says "hint:"; here it is a sentence like the others.
  const said = sentence(check.detail.replace(/\s*hint: (.)/, (_, first: string) => ` ${first.toUpperCase()}`));
  // A check that a newer core makes and this window does not know.
  if (!words) return { text: sentence(capital(check.name.replaceAll('_', ' '))), detail: said };
  if (check.name === 'clock' && /does not say/.test(check.detail)) return { text: 'This machine’s clock could not be compared.', detail: said };
  const text = check.ok ? words.good : words.bad;
  // Which right is missing stands beside it; the words around it say nothing more.
  if (!check.ok && check.permission) return { text, detail: '' };
  if (check.ok && !words.tell) return { text, detail: '' };
  // After a colon it goes on.
  return { text, detail: text.endsWith(':') ? said.charAt(0).toLowerCase() + said.slice(1) : said };
}

/** What to look at first: what keeps a backup from working, then what is only good to know, then all that is well. */
export function sortedChecks(checks: ProbeCheckView[]): ProbeCheckView[] {
  const rank = (c: ProbeCheckView) => (c.ok ? 2 : c.required ? 0 : 1);
  return [...checks].sort((a, b) => rank(a) - rank(b));
}

/** Permissions that the keys lack, those that keep a backup from working first. */
export function missingPermissions(checks: ProbeCheckView[]): string[] {
  const failed = sortedChecks(checks).filter((c) => !c.ok && c.permission);
  return [...new Set(failed.map((c) => c.permission!))];
}

export function usable(checks: ProbeCheckView[]): boolean {
  return checks.length > 0 && checks.every((c) => c.ok || !c.required);
}

/** "41 new, 3 changed, 2 deleted" */
export function changeWords(p: Pick<RestorePointView, 'new_files' | 'changed_files' | 'removed_files'>): string {
  const parts = [
    p.new_files > 0 ? `${formatCount(p.new_files)} new` : '',
    p.changed_files > 0 ? `${formatCount(p.changed_files)} changed` : '',
    p.removed_files > 0 ? `${formatCount(p.removed_files)} deleted` : '',
  ].filter(Boolean);
  return parts.join(', ') || 'Nothing new';
}

/** What grew most: "trades_q3.feather added 1.31 GB". */
export function grewWords(p: Pick<RestorePointView, 'grew'>): string {
  const most = p.grew[0];
  if (!most) return '';
  const name = most.path.slice(most.path.lastIndexOf('/') + 1);
  return most.by_bytes === most.size_bytes ? `${name} added ${formatBytes(most.by_bytes)}` : `${name} grew by ${formatBytes(most.by_bytes)}`;
}

/** Why a point is shown and yet not to be restored; core’s own reason, where it gives one, takes the place of `why`. */
export const POINT_STATES: Record<Exclude<PointState, 'ready'>, { word: string; why: string; then: string }> = {
  forged: { word: 'Not made with this key', why: 'Its signature is another’s, or it was changed since.', then: 'It is shown, and never restored.' },
  damaged: { word: 'Cannot be read', why: 'Its list of files is damaged or gone.', then: 'The points before and after it are not affected.' },
  locked: { word: 'Locked', why: 'It is encrypted, and its key is not on this machine.', then: 'The recovery passphrase unlocks it.' },
  too_new: { word: 'Made by a newer Redline', why: 'It is in a form that this version does not know.', then: 'Update Redline on this machine to read it.' },
};

export function restorable(p: RestorePointView): boolean {
  return p.authentic && p.state === 'ready';
}

/** What waits on which page while transfers are paused. */
export const HELD = {
  proof: 'A check reads from the bucket, so none begins before you resume, by hand or by itself.',
  keep: 'Which restore points the rules would drop is read from the bucket; it is worked out once you resume.',
  bucket: 'The bucket is tried and its rules are read once you resume.',
} as const;

/** As the end of a sentence; undoing a restore asks the bucket nothing. */
export const HELD_JOBS: Partial<Record<JobKind, string>> = {
  backup: 'the backup goes on when you resume',
  restore: 'the restore goes on when you resume',
  check_backup: 'the check goes on when you resume',
  drill: 'the drill goes on when you resume',
  retention: 'tidying goes on when you resume',
};

/** When an automatic backup that did not go through is tried again. */
export function nextTry(t: Pick<TransferView, 'automatic' | 'paused' | 'next_at'>, now: Date): string {
  if (!t.automatic) return 'Automatic backups are switched off.';
  if (t.paused) return 'Tried again once transfers go on.';
  // It would fail again as it is: core then waits for another bucket, or a backup by hand.
  return t.next_at ? `Tried again ${formatMoment(t.next_at, now)}.` : 'Not tried again as it is: back up by hand, or set the bucket up anew.';
}
