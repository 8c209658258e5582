/** A job in words: its numbers while it runs, its outcome when it has ended. */
import type { JobView } from '../lib/contract/JobView';
import { typeName, formatBytes, formatBytesOf, formatCount, formatDuration, formatRate, formatTimeLeft, plural } from '../lib/format';
import { sourceName, verdictWords } from '../lib/words';

/** "1.9 of 3.1 GB · 640 MB/s · about 2 s" */
export function progressWords(job: JobView): string {
  const parts: string[] = [];
  if (job.bytes_total !== null && job.bytes_total > 0) parts.push(formatBytesOf(job.bytes_done, job.bytes_total));
  else if (job.bytes_done > 0) parts.push(formatBytes(job.bytes_done));
  if (job.items_total !== null && job.items_total > 1) {
    parts.push(`${formatCount(job.items_done)} of ${formatCount(job.items_total)}`);
  } else if (job.items_total === null && job.items_done > 0) parts.push(formatCount(job.items_done));
  if (job.rate !== null && job.rate > 0) parts.push(formatRate(job.rate));
  if (job.left) parts.push(formatTimeLeft(job.left));
  return parts.join(' · ');
}

/** What to fill the bar with: bytes where they are known, else items. */
export function progressShare(job: JobView): { done: number; total: number | null } {
  if (job.bytes_total !== null && job.bytes_total > 0) return { done: job.bytes_done, total: job.bytes_total };
  if (job.items_total !== null && job.items_total > 0) return { done: job.items_done, total: job.items_total };
  return { done: 0, total: null };
}

/** How core's titles begin, and how they go on once the job has ended. */
const VERBS: Record<string, { past: string; bare: string; still: string }> = {
  Storing: { past: 'Stored', bare: 'store', still: 'storing' },
  Verifying: { past: 'Verified', bare: 'verify', still: 'verifying' },
  Checking: { past: 'Checked', bare: 'check', still: 'checking' },
  Saving: { past: 'Saved', bare: 'save', still: 'saving' },
  Converting: { past: 'Converted', bare: 'convert', still: 'converting' },
  Backing: { past: 'Backed', bare: 'back', still: 'backing' },
  Taking: { past: 'Took', bare: 'take', still: 'taking' },
  Trying: { past: 'Tried', bare: 'try', still: 'trying' },
  Reading: { past: 'Read', bare: 'read', still: 'reading' },
  Making: { past: 'Made', bare: 'make', still: 'making' },
  Fetching: { past: 'Fetched', bare: 'fetch', still: 'fetching' },
  Tidying: { past: 'Tidied', bare: 'tidy', still: 'tidying' },
  Restoring: { past: 'Restored', bare: 'restore', still: 'restoring' },
};

/** "Storing 3 items" while it runs; "Stored 3 files", "Could not store 3 items" and the like once it has ended. */
export function titleWords(job: JobView): string {
  if (job.state === 'running') return job.title;
  const gap = job.title.indexOf(' ');
  const first = gap < 0 ? job.title : job.title.slice(0, gap);
  const rest = gap < 0 ? '' : job.title.slice(gap).replace(/"([^"]+)"/g, '$1');
  const verb = VERBS[first];
  if (!verb) return job.title;
  if (job.state === 'failed') return `Could not ${verb.bare}${rest}`;
  if (job.state === 'interrupted') return `Interrupted while ${verb.still}${rest}`;
  if (job.state === 'cancelled') return `Stopped ${verb.still}${rest}`;
  switch (job.result?.type) {
    case 'import': {
      const { imported_count: n, imported, skipped_count, failed_count } = job.result.value;
      if (n === 1 && imported[0] && skipped_count + failed_count === 0) return `Stored ${imported[0].filename}`;
      return n > 0 ? `Stored ${plural(n, 'file')}` : skipped_count > 0 ? 'Stored nothing new' : 'Stored nothing';
    }
    case 'verify': {
      const r = job.result.value;
      const n = r.ok + r.changed.length + r.missing.length + r.unreadable.length;
      return n === 1 ? `Verified${rest}` : `Verified ${plural(n, 'file')}`;
    }
    case 'export': {
      const n = job.result.value.files;
      return n === 1 && job.result.value.failed.length === 0 ? `Saved${rest}` : n > 0 ? `Saved ${plural(n, 'copy', 'copies')}` : 'Saved no copy';
    }
    case 'convert':
      return `Converted ${sourceName(job.result.value.source_name)} to ${typeName(job.result.value.to)}`;
    case 'convert_each': {
      const first = job.result.value[0];
      return first ? `Converted ${plural(job.result.value.length, 'table')} of ${sourceName(first.source_name)} to ${typeName(first.to)}` : `${verb.past}${rest}`;
    }
    default:
      return `${verb.past}${rest}`;
  }
}

export type Look = 'plain' | 'ok' | 'warn' | 'danger';

/** One line on how it ended. Green only where something was proven. */
export function outcomeWords(job: JobView): { text: string; look: Look } {
  if (job.state === 'failed') return { text: job.error?.message ?? 'Failed.', look: 'danger' };
  if (job.state === 'interrupted') {
    return { text: job.error?.message ?? 'Interrupted: its process ended before it did.', look: 'warn' };
  }
  // What arrived in the bucket counts for the next run.
  if (job.state === 'cancelled' && job.kind === 'backup') return { text: 'Stopped. What was sent is kept; the next backup goes on from there.', look: 'plain' };
  if (job.state === 'cancelled' && !job.result) return { text: 'Cancelled. Nothing is left half done.', look: 'plain' };
  const said = resultWords(job);
  return job.state === 'cancelled' ? { text: `Cancelled. ${said.text}`, look: 'plain' } : said;
}

function resultWords(job: JobView): { text: string; look: Look } {
  const result = job.result;
  const look: Look = job.state === 'partial' ? 'warn' : 'plain';
  switch (result?.type) {
    case 'import': {
      const r = result.value;
      const parts: string[] = [];
      if (r.imported_count > 0) parts.push(job.state === 'cancelled' ? `${plural(r.imported_count, 'file')} stored, ${formatBytes(r.imported_bytes)}` : formatBytes(r.imported_bytes));
      if (r.skipped_count > 0) parts.push(`${formatCount(r.skipped_count)} stored already`);
      if (r.failed_count > 0) parts.push(`${formatCount(r.failed_count)} failed`);
      return { text: parts.join(' · ') || 'Nothing to store.', look: r.failed_count > 0 ? 'warn' : look };
    }
    case 'verify': {
      const r = result.value;
      const off = r.changed.length + r.missing.length + r.unreadable.length;
      if (off === 0) return { text: 'Proven: every byte is as it was stored', look: 'ok' };
      const parts = [`${formatCount(r.ok)} proven`];
      if (r.changed.length) parts.push(`${formatCount(r.changed.length)} edited`);
      if (r.missing.length) parts.push(`${formatCount(r.missing.length)} missing`);
      if (r.unreadable.length) parts.push(`${formatCount(r.unreadable.length)} unreadable`);
      return { text: parts.join(' · '), look: 'warn' };
    }
    case 'reconcile':
      return { text: result.value.lines[0] ?? 'The store is as it was left.', look };
    case 'export': {
      const r = result.value;
      const failed = r.failed.length ? ` · ${formatCount(r.failed.length)} failed` : '';
      return { text: `${formatBytes(r.bytes)}${failed}`, look: failed ? 'warn' : look };
    }
    case 'convert': {
      const r = result.value;
      const { word, look } = verdictWords(r.certificate.verdict, r.certificate.losses.length);
      // The verdict first: in a narrow window the name gives way.
      return { text: `${word}, ${plural(r.rows_out, 'row')} in ${formatDuration(r.duration_ms)} · ${r.output_name}`, look: look === 'muted' ? 'plain' : look };
    }
    case 'convert_each': {
      const all = result.value;
      const worst = all.find((c) => c.certificate.verdict === 'failed') ?? all.find((c) => c.certificate.verdict === 'lossy') ?? all.find((c) => c.certificate.verdict !== 'proved') ?? all[0];
      if (!worst) return { text: 'No table in it.', look };
      const said = verdictWords(worst.certificate.verdict, worst.certificate.losses.length);
      return { text: `${said.word}, ${plural(all.reduce((n, c) => n + c.rows_out, 0), 'row')} in ${formatCount(all.length)} files`, look: said.look === 'muted' ? 'plain' : said.look };
    }
    case 'backup': {
      const r = result.value;
      const left = [
        r.left_out.length ? `${formatCount(r.left_out.length)} left out` : '',
        r.conflicts.length ? `${plural(r.conflicts.length, 'file')} kept side by side` : '',
        r.merged_devices.length ? `taken in from ${r.merged_devices.join(', ')}` : '',
        r.in_the_clear ? 'not all in the bucket is encrypted' : '',
        r.without_copy ? `${formatCount(r.without_copy.files)} without a readable copy` : '',
      ]
        .filter(Boolean)
        .map((part) => ` · ${part}`)
        .join('');
      const sent = r.uploaded_files === 0 ? 'nothing new to send' : `${plural(r.uploaded_files, 'file')} sent, ${formatBytes(r.uploaded_bytes)}`;
      return { text: `Restore point made: ${sent}${left}`, look: r.left_out.length + r.conflicts.length > 0 || r.in_the_clear ? 'warn' : look };
    }
    case 'restore': {
      const r = result.value;
      const failed = r.failed.length ? ` · ${formatCount(r.failed.length)} failed` : '';
      const got = `${plural(r.restored_files, 'file')} restored, ${formatBytes(r.restored_bytes)}`;
      return { text: `${got}${failed}`, look: failed ? 'warn' : 'ok' };
    }
    case 'undo_restore': {
      const r = result.value;
      const parts = [r.removed_files > 0 ? `${plural(r.removed_files, 'file')} to the trash` : '', r.returned_files > 0 ? `${formatCount(r.returned_files)} as before` : '', r.failed.length > 0 ? `${formatCount(r.failed.length)} left as they are` : ''];
      return { text: parts.filter(Boolean).join(' · ') || 'Nothing to undo.', look: r.failed.length > 0 ? 'warn' : look };
    }
    case 'check_backup': {
      const r = result.value;
      if (!r.ok) return { text: foundWords(r.findings.length), look: 'danger' };
      // That objects are there says nothing of what is in them.
      return r.kind === 'quick' ? { text: `${plural(r.objects, 'object')}, all there`, look } : { text: `Proven: ${plural(r.files, 'file')}, every byte as it was sent`, look: 'ok' };
    }
    case 'drill': {
      const r = result.value;
      if (!r.ok) return { text: foundWords(r.findings.length), look: 'danger' };
      return { text: `Proven restorable: ${plural(r.files, 'file')}${r.table ? ' and 1 table' : ''} from the bucket alone, every byte equal`, look: 'ok' };
    }
    case 'retention': {
      const r = result.value;
      const parts = [r.deleted_points > 0 ? `${plural(r.deleted_points, 'restore point')} deleted, ${formatBytes(r.deleted_bytes)}` : '', r.marked_points > 0 ? `${formatCount(r.marked_points)} marked` : '', r.ended_uploads > 0 ? `${plural(r.ended_uploads, 'stale upload')} ended` : ''];
      return { text: parts.filter(Boolean).join(' · ') || 'Nothing to drop.', look };
    }
    case 'free': {
      const r = result.value;
      const failed = r.failed.length ? ` · ${formatCount(r.failed.length)} stay here` : '';
      return { text: `${formatBytes(r.freed_bytes)} freed${failed}`, look: failed ? 'warn' : look };
    }
    case 'fetch': {
      const r = result.value;
      const failed = r.failed.length ? ` · ${formatCount(r.failed.length)} failed` : '';
      return { text: `${plural(r.fetched_files, 'file')} back here, ${formatBytes(r.fetched_bytes)}${failed}`, look: failed ? 'warn' : look };
    }
    default:
      return { text: job.state === 'partial' ? 'Done in part.' : 'Done.', look };
  }
}

function foundWords(findings: number): string {
  return findings > 0 ? `${plural(findings, 'thing')} a restore would stumble over` : 'Not restorable as it is.';
}

/** Work in progress that is always in view. */
const RUNNING = 3;

/**
 * What the tray shows before it is asked for all: work in progress, then what has
 * ended. A small window leaves its room to the screen, but the way into the
 * results of what ended last stays in view.
 */
export function inView(running: JobView[], finished: JobView[], height: number): JobView[] {
  const first = running.slice(0, RUNNING);
  const least = height < 720 ? 1 : 2;
  const ended = Math.max(least - first.length, finished[0] && hasDetails(finished[0]) ? 1 : 0);
  return [...first, ...finished.slice(0, ended)];
}

/** Whether there is more to show than one line. */
export function hasDetails(job: JobView): boolean {
  const r = job.result;
  if (job.error) return job.state !== 'cancelled';
  switch (r?.type) {
    case 'import':
      return r.value.imported_count + r.value.skipped_count + r.value.failed_count > 0;
    case 'verify':
      return r.value.changed.length + r.value.missing.length + r.value.unreadable.length > 0;
    case 'export':
    case 'undo_restore':
    case 'free':
    case 'fetch':
      return r.value.failed.length > 0;
    case 'restore':
      return r.value.failed.length + r.value.skipped_points.length > 0;
    case 'backup':
      return r.value.left_out.length + r.value.conflicts.length + r.value.skipped_points.length > 0 || r.value.in_the_clear !== null || r.value.without_copy !== null;
    case 'check_backup':
    case 'drill':
      return r.value.findings.length > 0;
    case 'reconcile':
      return r.value.lines.length > 1;
    default:
      return false;
  }
}
