/** A job in words: its numbers while it runs, its outcome when it has ended. */
import type { JobView } from '../lib/contract/JobView';
import { formatBytes, formatBytesOf, formatCount, formatDuration, formatRate, formatTimeLeft, plural } from '../lib/format';
import { verdictWords } from '../lib/words';

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

export type Look = 'plain' | 'ok' | 'warn' | 'danger';

/** One line on how it ended. Green only where something was proven. */
export function outcomeWords(job: JobView): { text: string; look: Look } {
  if (job.state === 'failed') return { text: job.error?.message ?? 'Failed.', look: 'danger' };
  if (job.state === 'interrupted') {
    return { text: job.error?.message ?? 'Interrupted: its process ended before it did.', look: 'warn' };
  }
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
      if (r.imported_count > 0) parts.push(`${plural(r.imported_count, 'file')} stored, ${formatBytes(r.imported_bytes)}`);
      if (r.skipped_count > 0) parts.push(`${formatCount(r.skipped_count)} stored already`);
      if (r.failed_count > 0) parts.push(`${formatCount(r.failed_count)} failed`);
      return { text: parts.join(' · ') || 'Nothing to store.', look: r.failed_count > 0 ? 'warn' : look };
    }
    case 'verify': {
      const r = result.value;
      const off = r.changed.length + r.missing.length + r.unreadable.length;
      if (off === 0) return { text: `${plural(r.ok, 'file')} proven: every byte as it was stored`, look: 'ok' };
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
      return { text: `${plural(r.files, 'copy', 'copies')} saved, ${formatBytes(r.bytes)}${failed}`, look: failed ? 'warn' : look };
    }
    case 'convert': {
      const r = result.value;
      const { word, look } = verdictWords(r.certificate.verdict, r.certificate.losses.length);
      return { text: `${r.output_name}: ${word}, ${plural(r.rows_out, 'row')} in ${formatDuration(r.duration_ms)}`, look };
    }
    case 'backup': {
      const r = result.value;
      const left = r.left_out.length ? ` · ${formatCount(r.left_out.length)} left out` : '';
      const sent = r.uploaded_files === 0 ? 'nothing new to send' : `${plural(r.uploaded_files, 'file')} sent, ${formatBytes(r.uploaded_bytes)}`;
      return { text: `Restore point made: ${sent}${left}`, look: left ? 'warn' : look };
    }
    case 'restore': {
      const r = result.value;
      const failed = r.failed.length ? ` · ${formatCount(r.failed.length)} failed` : '';
      const got = `${plural(r.restored_files, 'file')} restored, ${formatBytes(r.restored_bytes)}`;
      return { text: `${got}${failed}`, look: failed ? 'warn' : 'ok' };
    }
    default:
      return { text: job.state === 'partial' ? 'Done in part.' : 'Done.', look };
  }
}

/** Whether there is more to show than one line. */
export function hasDetails(job: JobView): boolean {
  const r = job.result;
  if (job.error) return true;
  switch (r?.type) {
    case 'import':
      return r.value.imported_count + r.value.skipped_count + r.value.failed_count > 0;
    case 'verify':
      return r.value.changed.length + r.value.missing.length + r.value.unreadable.length > 0;
    case 'export':
    case 'restore':
      return r.value.failed.length > 0;
    case 'backup':
      return r.value.left_out.length > 0;
    case 'reconcile':
      return r.value.lines.length > 1;
    default:
      return false;
  }
}
