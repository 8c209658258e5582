/** What the screen knows of the bucket and of the backups in it; asked again when core says that something changed. */
import type { BackupPlanView } from '../../lib/contract/BackupPlanView';
import type { BackupStatus } from '../../lib/contract/BackupStatus';
import type { ErrorReport } from '../../lib/contract/ErrorReport';
import type { RestorePointView } from '../../lib/contract/RestorePointView';
import type { TransferView } from '../../lib/contract/TransferView';
import * as shell from '../../lib/tauri';
import { restorable } from './words';

export class BackupState {
  status = $state.raw<BackupStatus | null>(null);
  /** What a backup would send; null while that is not known. */
  plan = $state.raw<BackupPlanView | null>(null);
  /** Newest first; null while they are asked for. */
  points = $state.raw<RestorePointView[] | null>(null);
  /** What holds transfers back, and how the backups without asking go; null until it is known. */
  transfer = $state.raw<TransferView | null>(null);
  error = $state.raw<ErrorReport | null>(null);
  /** Of the bucket itself: the rest of the screen is of this machine, and stays. */
  bucketError = $state.raw<ErrorReport | null>(null);
  asking = $state(false);

  offline = $derived(this.bucketError?.code === 'network');
  paused = $derived(this.transfer?.paused ?? false);
  /** Encrypted, and its key is not here. */
  locked = $derived(this.status?.encryption === 'locked');
  /** Points that can be restored; null while that is asked. */
  restorable = $derived(this.points ? this.points.filter(restorable).length : null);
  #turn = 0;

  async load(): Promise<void> {
    const turn = ++this.#turn;
    try {
      [this.status, this.transfer] = await Promise.all([shell.backupStatus(), shell.transfer()]);
      this.error = null;
    } catch (e) {
      this.error = shell.toReport(e);
      return;
    }
    if (!this.status.bucket) {
      this.points = this.plan = null;
      this.bucketError = null;
      return;
    }
    // Whatever asks the bucket waits for as long as transfers are paused; going on asks again.
    if (this.paused) {
      if (turn === this.#turn) this.asking = false;
      return;
    }
    this.asking = true;
    // The two ask the bucket; neither waits for the other, and one failure is told once.
    const [plan, points] = await Promise.allSettled([shell.planBackup(), shell.restorePoints()]);
    if (turn !== this.#turn) return;
    this.asking = false;
    this.plan = plan.status === 'fulfilled' ? plan.value : null;
    if (points.status === 'fulfilled') this.points = points.value;
    const failed = points.status === 'rejected' ? points : plan.status === 'rejected' ? plan : null;
    this.bucketError = failed ? shell.toReport(failed.reason) : null;
    // A machine that has never seen this backup learns of it from the bucket.
    if (this.bucketError?.code === 'backup_locked' && this.status) this.status = { ...this.status, encryption: 'locked' };
  }
  async loadTransfer(): Promise<void> {
    this.transfer = await shell.transfer();
  }

  /** Holds back whatever is sent or fetched, or lets it go on; core then says that something changed. */
  async pause(paused: boolean): Promise<void> {
    this.transfer = await shell.pauseTransfers(paused);
  }
}
