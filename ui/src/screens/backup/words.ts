/** What the bucket was found to do, what restore points hold, and how sure a backup is: as a person says it. Names are core's. */
import type { BackupStatus } from '../../lib/contract/BackupStatus';
import type { CheckKind } from '../../lib/contract/CheckKind';
import type { CheckNote } from '../../lib/contract/CheckNote';
import type { PointState } from '../../lib/contract/PointState';
import type { ProbeCheckView } from '../../lib/contract/ProbeCheckView';
import type { RestorePointView } from '../../lib/contract/RestorePointView';
import { capital, formatBytes, formatCount, formatWhen, plural } from '../../lib/format';
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

/** Why a point is shown and yet not to be restored. */
export const POINT_STATES: Record<Exclude<PointState, 'ready'>, { word: string; text: string }> = {
  forged: { word: 'Not made with this key', text: 'Its signature is another’s, or it was changed since. It is shown, and never restored.' },
  damaged: { word: 'Cannot be read', text: 'Its list of files is damaged or gone. The points before and after it are not affected.' },
  too_new: { word: 'Made by a newer Redline', text: 'Update Redline on this machine to read it.' },
};

export function restorable(p: RestorePointView): boolean {
  return p.authentic && p.state === 'ready';
}

export const CHECK_KINDS: Record<CheckKind, { name: string; text: string; doing: string; proves: string }> = {
  quick: {
    name: 'Quick',
    text: 'Asks for every object of the newest restore point: there, and of the right size. Reads nothing back.',
    doing: 'Asking for every object',
    proves: 'every object was there and of the right size',
  },
  deep: {
    name: 'Deep',
    text: 'Reads every byte back from the bucket and compares its hash. Costs as much traffic as the store is large.',
    doing: 'Reading everything back',
    proves: 'every byte was read back from the bucket, and every hash was right',
  },
  drill: {
    name: 'Drill',
    text: 'Restores random files and one table into an empty folder, from the bucket alone, and compares them.',
    doing: 'Restoring a sample',
    proves: 'a sample was restored from the bucket alone, and every byte was equal',
  },
};

/** A quick check proves that objects are there, not what is in them: green is for proven alone. */
const PROVING: CheckKind[] = ['deep', 'drill'];

export interface Headline {
  figure: string;
  look: 'ok' | 'warn' | 'danger' | 'plain';
  text: string;
}

const DAY = 86_400_000;

/** The one line that the screen is about, and how it is known. */
export function headline(status: BackupStatus, points: number | null, now: Date): Headline {
  const proven = status.last_proven_at;
  const failed = newest(status.checks.filter((c) => !c.ok));
  if (failed && (!proven || Date.parse(failed.at) > Date.parse(proven))) return broken(failed, now);
  if (proven) {
    const when = formatWhen(proven, now);
    const check = status.checks.find((c) => c.ok && PROVING.includes(c.kind) && Math.abs(Date.parse(c.at) - Date.parse(proven)) < 60_000);
    const how = check ? CHECK_KINDS[check.kind].proves : 'a restore read every file back from the bucket, and every hash was right';
    const limit = staleAfter(status);
    if (limit !== null && now.getTime() - Date.parse(proven) > limit * DAY) {
      return { figure: `Last proven restorable ${lower(when)}`, look: 'warn', text: `Then ${how}. That is longer ago than it should be: run a drill.` };
    }
    return { figure: 'Proven restorable', look: 'ok', text: `${capital(when)}: ${how}.` };
  }
  if (status.last_backup_at) return { figure: 'Backed up, not proven yet', look: 'plain', text: 'A drill restores a sample from the bucket alone and compares it. It takes a few minutes at most.' };
  if (points) {
    return {
      figure: 'Not backed up from here yet',
      look: 'plain',
      text: `The bucket has ${plural(points, 'restore point')} of this key. Restore brings the files here; a backup adds what is new here.`,
    };
  }
  return { figure: 'Nothing backed up yet', look: 'plain', text: 'The bucket is ready. The first backup sends everything, later ones only what changed.' };
}

function broken(check: CheckNote, now: Date): Headline {
  const what = check.findings > 0 ? `found ${plural(check.findings, 'thing')} that a restore would stumble over` : 'did not come to an end';
  return {
    figure: check.findings > 0 ? 'Not restorable in full' : 'The last check failed',
    look: 'danger',
    text: `${capital(formatWhen(check.at, now))}: the ${CHECK_KINDS[check.kind].name.toLowerCase()} check ${what}. Back up again: what is missing is sent anew.`,
  };
}

/** Days after which a proof is old: two rounds of the most frequent proving check; none where all are off. */
function staleAfter(status: BackupStatus): number | null {
  const every = [status.schedule.deep_days, status.schedule.drill_days].filter((d) => d > 0);
  return every.length > 0 ? Math.max(14, 2 * Math.min(...every)) : null;
}

function newest(checks: CheckNote[]): CheckNote | undefined {
  return checks.reduce<CheckNote | undefined>((a, b) => (a && Date.parse(a.at) >= Date.parse(b.at) ? a : b), undefined);
}

const lower = (when: string) => (when === 'Yesterday' ? 'yesterday' : when);
