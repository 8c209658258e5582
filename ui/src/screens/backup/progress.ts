/** A transfer in words: what remains, not what is done. */
import type { JobView } from '../../lib/contract/JobView';
import { formatBytes, formatCount, formatRate, formatTimeLeft, plural } from '../../lib/format';
import { JOB_KINDS } from '../../lib/words';

/** Core's word for requests that get no answer and are sent again. */
export const WAITING = 'waiting for the network';

/** Core's phases as a person reads them; what is not here is shown as core says it. */
const PHASES: Record<string, { doing: string; rest: string }> = {
  'copying the catalog': { doing: 'copying the catalog', rest: '' },
  comparing: { doing: 'comparing', rest: '' },
  'choosing a sample': { doing: 'choosing a sample', rest: '' },
  'keeping a safety copy of the catalog': { doing: 'keeping a safety copy of the catalog', rest: '' },
  uploading: { doing: 'sending', rest: 'to go' },
  sending: { doing: 'sending', rest: 'to go' },
  downloading: { doing: 'fetching', rest: 'to go' },
  fetching: { doing: 'fetching', rest: 'to go' },
  verifying: { doing: 'checking', rest: 'to check' },
  checking: { doing: 'checking', rest: 'to check' },
  committing: { doing: 'making the restore point', rest: '' },
  'taking in other devices': { doing: 'taking in other devices', rest: '' },
  [WAITING]: { doing: 'waiting for the network', rest: 'to go' },
};

/** What comes at the end of which job; the same phase may be the first of another. */
const LAST = ['backup committing', 'drill comparing'];

/** "Backing up, sending" */
export function captionOf(job: JobView): string {
  const doing = PHASES[job.phase]?.doing ?? job.phase;
  return doing ? `${JOB_KINDS[job.kind]}, ${doing}` : JOB_KINDS[job.kind];
}

/** "1.2 GB to go", "340 MB to check": never a share of the way, which says nothing of the rest. */
export function remainsOf(job: JobView): string {
  const phase = PHASES[job.phase];
  if (phase && phase.rest === '') return LAST.includes(`${job.kind} ${job.phase}`) ? 'Nearly done' : 'Getting ready';
  const rest = phase?.rest ?? 'to go';
  if (job.bytes_total !== null && job.bytes_total > 0) return `${formatBytes(Math.max(0, job.bytes_total - job.bytes_done))} ${rest}`;
  if (job.items_total !== null && job.items_total > 0) return `${plural(Math.max(0, job.items_total - job.items_done), 'file')} ${rest}`;
  return 'Under way';
}

/** "1 to 2 minutes" beside the figure. */
export function timeOf(job: JobView): string {
  return job.left ? formatTimeLeft(job.left) : '';
}

/** "214 of 486 files · 31 MB/s · 798 unchanged, nothing sent for them" */
export function numbersOf(job: JobView, unchanged: number): string {
  return [
    job.items_total !== null && job.items_total > 0 ? `${formatCount(job.items_done)} of ${plural(job.items_total, 'file')}` : '',
    job.rate ? formatRate(job.rate) : '',
    job.kind === 'backup' && unchanged > 0 ? `${formatCount(unchanged)} unchanged, nothing sent for them` : '',
    job.elsewhere ? 'in another Redline' : '',
  ]
    .filter(Boolean)
    .join(' · ');
}
