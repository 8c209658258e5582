/** How sure a backup is, in the words that every screen says it in. */
import type { BackupStatus } from './contract/BackupStatus';
import type { CheckKind } from './contract/CheckKind';
import type { CheckNote } from './contract/CheckNote';
import type { JobKind } from './contract/JobKind';
import { capital, formatWhen, plural } from './format';

/** Jobs that change the store or its backup: one at a time, and shown before the others. */
export const CHANGES: JobKind[] = ['backup', 'restore', 'undo_restore', 'retention'];
/** Jobs that only read the bucket; a scheduled one keeps nobody from backing up. */
export const CHECKS: JobKind[] = ['check_backup', 'drill'];

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
  /** What would change it is a drill. */
  drill?: boolean;
}

const DAY = 86_400_000;

/** The one line that the screen is about, and how it is known. */
export function headline(status: BackupStatus, points: number | null, now: Date): Headline {
  if (status.encryption === 'locked') {
    return { figure: 'Locked', look: 'warn', text: 'The backup is encrypted, and only its recovery passphrase opens it here. Nothing is sent or restored before that.' };
  }
  const proven = status.last_proven_at;
  const failed = newest(status.checks.filter((c) => !c.ok));
  if (failed && (!proven || Date.parse(failed.at) > Date.parse(proven))) return broken(failed, now);
  if (proven) {
    const when = formatWhen(proven, now);
    const check = status.checks.find((c) => c.ok && PROVING.includes(c.kind) && Math.abs(Date.parse(c.at) - Date.parse(proven)) < 60_000);
    const how = check ? CHECK_KINDS[check.kind].proves : 'a restore read every file back from the bucket, and every hash was right';
    const limit = staleAfter(status);
    if (limit !== null && now.getTime() - Date.parse(proven) > limit * DAY) {
      return { figure: `Last proven restorable ${lower(when)}`, look: 'warn', text: `Then ${how}. That is longer ago than it should be: run a drill.`, drill: true };
    }
    return { figure: 'Proven restorable', look: 'ok', text: `${capital(when)}: ${how}.` };
  }
  if (status.last_backup_at) return { figure: 'Backed up, not proven yet', look: 'plain', text: 'A drill restores a sample from the bucket alone and compares it. It takes a few minutes at most.', drill: true };
  if (points) {
    return {
      figure: 'Not backed up from here yet',
      look: 'plain',
      text: `The bucket has ${plural(points, 'restore point')} of this key. Restore brings the files here; a backup adds what is new here.`,
    };
  }
  // Another machine may have backed up to it: nothing is said of what was not asked.
  if (points === null) return { figure: 'Not backed up from here yet', look: 'plain', text: 'A backup sends what is here; Restore brings what the bucket has.' };
  return { figure: 'Nothing backed up yet', look: 'plain', text: 'The bucket is ready. The first backup sends everything, later ones only what changed.' };
}

function broken(check: CheckNote, now: Date): Headline {
  const what = check.findings > 0 ? `found ${plural(check.findings, 'thing')} that a restore would stumble over` : 'did not come to an end';
  return {
    figure: check.findings > 0 ? 'Not restorable in full' : 'The last check failed',
    look: 'danger',
    text: `${capital(formatWhen(check.at, now))}: the ${check.kind === 'drill' ? 'drill' : `${CHECK_KINDS[check.kind].name.toLowerCase()} check`} ${what}. Back up again: what is missing is sent anew.`,
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
