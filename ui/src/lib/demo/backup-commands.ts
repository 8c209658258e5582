/** The commands of the backup screen, on `backup.ts`. */
import type { AwsProfileView } from '../contract/AwsProfileView';
import type { BucketSetup } from '../contract/BucketSetup';
import type { CheckKind } from '../contract/CheckKind';
import type { CheckNote } from '../contract/CheckNote';
import type { CheckSchedule } from '../contract/CheckSchedule';
import type { ErrorReport } from '../contract/ErrorReport';
import type { FileBackup } from '../contract/FileBackup';
import type { FileBackupsView } from '../contract/FileBackupsView';
import type { FileContent } from '../contract/FileContent';
import type { FileView } from '../contract/FileView';
import type { FreeReport } from '../contract/FreeReport';
import type { FreeRule } from '../contract/FreeRule';
import type { JobResult } from '../contract/JobResult';
import type { KeepRules } from '../contract/KeepRules';
import type { OwnRule } from '../contract/OwnRule';
import type { RestoreRequest } from '../contract/RestoreRequest';
import type { TransferView } from '../contract/TransferView';
import type { DemoShell } from '.';
import { backupDemo, bucket, changesOf, encryptionOf, offlineError, ownRulePlan, planOf, policyOf, restorePlan, restorePoints, retentionPlan, rulesOf, statusOf, versionsOf } from './backup';

type Command = { run(args: unknown): unknown }['run'];

const LOCKED: ErrorReport = { code: 'backup_locked', message: 'This backup is encrypted, and its key is not on this machine.', hint: 'Enter the recovery passphrase.', retryable: false };

const KEYLESS: ErrorReport = { code: 'bucket_missing', message: 'The keys of the bucket are not held on this machine.', hint: 'Enter the access key and the secret key again under Backup.', retryable: false };

export function backupCommands(shell: DemoShell, options: URLSearchParams): Record<string, Command> {
  const demo = backupDemo(options);
  const changed = () => shell.tell({ type: 'backup' });
  const online = () => {
    if (demo.state === 'offline') throw offlineError();
    if (demo.bucket?.has_secrets === false && demo.bucket.aws_profile === null) throw KEYLESS;
    if (demo.encryption === 'locked') throw LOCKED;
  };
  const transfer = (): TransferView => {
    const { auto_backup: automatic, bandwidth_limit } = shell.settings();
    const tried = demo.state === 'offline' || demo.state === 'failed';
    return { automatic, paused: shell.held(), bandwidth_limit, problem: tried ? offlineError() : null, next_at: tried ? new Date(Date.now() + 8 * 60_000).toISOString() : null };
  };
  const seconds = shell.quick ? 0.2 : 12;

  const noted = (kind: CheckKind, ok: boolean): void => {
    const at = new Date().toISOString();
    const note: CheckNote = { kind, at, point: demo.points[0]?.id ?? '', ok, findings: ok ? 0 : 3, due: null };
    demo.checks = [note, ...demo.checks.filter((c) => c.kind !== kind)];
    if (ok && kind !== 'quick') demo.proven = at;
    changed();
  };

  const commands: Record<string, Command> = {
    backup_status: () => statusOf(demo),
    file_backups: ({ files }: { files: FileContent[] }): FileBackupsView | null => {
      if (!demo.bucket) return null;
      const point = demo.points[0];
      // Most are backed up; the newest came after it, a few changed or are newer elsewhere.
      const state = (f: FileContent): FileBackup => {
        if (!point) return 'not_yet';
        const n = [...f.relative_path].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 9_973, 7);
        return f.relative_path.startsWith('prices_2024') || n % 17 === 3 ? 'not_yet' : n % 11 === 4 ? 'changed' : demo.state === 'met' && n % 13 === 5 ? 'newer_elsewhere' : 'backed_up';
      };
      return { point: point?.id ?? null, created_at: point?.created_at ?? null, files: files.map(state) };
    },
    file_versions: async ({ relativePath, known, olderThan }: { relativePath: string; known: string[]; olderThan: string | null }) => {
      online();
      // A bucket answers when it can.
      if (!shell.quick) await new Promise((done) => setTimeout(done, 700));
      return versionsOf(demo, relativePath, known, olderThan);
    },
    set_bucket: ({ setup }: { setup: BucketSetup }) => {
      const view = bucket(setup);
      if (view.checks.every((c) => c.ok || !c.required)) {
        demo.bucket = view;
        if (setup.recovery_passphrase) demo.encryption = 'on';
        changed();
      }
      return view;
    },
    set_bucket_from_env: () => {
      demo.bucket = bucket({ bucket: 'acme-redline', region: 'eu-central-1', endpoint_url: null });
      changed();
      return demo.bucket;
    },
    aws_profiles: () => {
      if (options.get('aws') === 'broken') throw { code: 'unreadable', message: 'Could not read "~/.aws/config" of the AWS configuration: line 3: expected an \'=\' sign defining a property.', hint: 'Correct that file, or enter keys under Backup.', retryable: false } satisfies ErrorReport;
      if (options.get('aws') === 'none') return [];
      return [
        { name: 'default', region: 'eu-central-1', endpoint_url: null },
        { name: 'lab', region: null, endpoint_url: 'https://minio.lab.example:9000' },
        { name: 'work', region: 'eu-west-1', endpoint_url: null },
      ] satisfies AwsProfileView[];
    },
    probe_bucket: () => {
      online();
      demo.bucket = { ...demo.bucket!, checked_at: new Date().toISOString() };
      return demo.bucket;
    },
    clear_bucket: () => {
      demo.bucket = null;
      changed();
      return null;
    },
    plan_backup: () => (online(), planOf(demo)),
    run_backup: ({ confirmRemovals }: { confirmRemovals?: boolean }) => {
      online();
      if (demo.mass && !confirmRemovals) throw { code: 'confirmation_needed', message: '1,204 of 1,284 files were deleted since the last restore point.', hint: 'Look at them and confirm, or bring them back.', retryable: false } satisfies ErrorReport;
      const plan = planOf(demo);
      return shell.job(
        'backup',
        `Backing up to "${demo.bucket?.bucket}"`,
        'uploading',
        plan.upload_bytes,
        plan.upload_files,
        () => {
          if (demo.state === 'failed') throw offlineError();
          demo.mass = false;
          demo.points = restorePoints(Math.max(24, demo.points.length) + 1, false);
          demo.points[0]!.created_at = new Date().toISOString();
          changed();
          return {
            type: 'backup',
            value: {
              manifest: demo.points[0]!.id,
              generation: demo.points.length,
              uploaded_files: plan.upload_files,
              uploaded_bytes: plan.upload_bytes,
              requests: 11,
              seconds: 4,
              left_out: [],
              removed_files: plan.removed_files,
              merged_devices: plan.other_devices,
              conflicts: demo.state === 'met' ? [{ path: 'desk/prices_2024.csv', kept_as: 'desk/prices_2024 (from Laptop).csv', device: 'Laptop' }] : [],
              skipped_points: [],
              in_the_clear: encryptionOf(demo).in_the_clear,
              without_copy: null,
            },
          };
        },
        seconds,
        demo.state === 'away' ? ['uploading', ...Array.from({ length: 40 }, () => 'waiting for the network')] : ['comparing', 'uploading', 'uploading', 'uploading', 'uploading', 'verifying', 'verifying', 'committing'],
      );
    },
    transfer,
    pause_transfers: ({ paused }: { paused: boolean }) => {
      shell.hold(paused);
      changed();
      return transfer();
    },
    restore_points: () => {
      if (demo.encryption !== 'locked') online();
      return demo.points;
    },
    point_changes: ({ id }: { id: string }) => (online(), changesOf(demo.points, id)),
    plan_restore: (request: RestoreRequest) => (online(), restorePlan(demo, request)),
    run_restore: (request: RestoreRequest) => {
      const plan = restorePlan(demo, request);
      return shell.job('restore', `Restoring from "${demo.bucket?.bucket}"`, 'downloading', plan.bytes, plan.new_files + plan.differing_files, () => {
        const until = new Date(Date.now() + 7 * 86_400_000).toISOString();
        demo.undo = { point: plan.point.id, restored_at: new Date().toISOString(), until, new_files: plan.new_files, replaced_files: plan.differing_files };
        shell.tell({ type: 'files' });
        changed();
        return {
          type: 'restore',
          value: { point: plan.point.id, restored_files: plan.new_files + plan.differing_files, restored_bytes: plan.bytes, same_files: plan.same_files, failed: [], replaced_files: plan.differing_files, undo_until: until, skipped_points: [] },
        };
      }, seconds);
    },
    undo_restore: () =>
      shell.job('undo_restore', 'Taking back a restore', 'taking back', 0, 15, () => {
        const undo = demo.undo;
        demo.undo = null;
        shell.tell({ type: 'files' });
        changed();
        return { type: 'undo_restore', value: { point: undo?.point ?? '', removed_files: undo?.new_files ?? 0, returned_files: undo?.replaced_files ?? 0, removed_rows: 4, failed: [] } };
      }, 2),
    check_backup: ({ deep }: { deep: boolean }) => {
      online();
      const kind = deep ? 'deep' : 'quick';
      const ok = demo.state !== 'broken';
      return shell.job('check_backup', `${deep ? 'Reading the whole backup in' : 'Checking the backup in'} "${demo.bucket?.bucket}"`, 'verifying', deep ? 5.3e9 : 0, 1_284, (): JobResult => {
        noted(kind, ok);
        const findings = ok ? [] : [1, 2, 3].map((n) => ({ path: `desk/ticks/ticks_0${n}.parquet`, missing: n > 1, advice: 'Back up again: the file here is whole and is sent anew.' }));
        return { type: 'check_backup', value: { kind, point: demo.points[0]!.id, created_at: demo.points[0]!.created_at, ok, files: 1_284, objects: 1_301, bytes: 5.3e9, findings, skipped_points: [] } };
      }, seconds);
    },
    drill_backup: () => {
      online();
      return shell.job('drill', `Trying a restore from "${demo.bucket?.bucket}"`, 'downloading', 412e6, 41, (): JobResult => {
        noted('drill', true);
        return {
          type: 'drill',
          value: { point: demo.points[0]!.id, created_at: demo.points[0]!.created_at, ok: true, files: 40, bytes: 412e6, sampled: [], table: { path: 'desk/prices_2024.csv', rows: 1_204_331, columns: 8 }, catalog_files: 1_284, findings: [], seconds: 12 },
        };
      }, seconds);
    },
    set_check_schedule: ({ schedule }: { schedule: CheckSchedule }) => {
      demo.schedule = schedule;
      return null;
    },
    plan_retention: ({ rules }: { rules: KeepRules }) => (online(), retentionPlan(demo, rules)),
    set_retention: ({ rules }: { rules: KeepRules | null }) => {
      demo.retention = rules;
      changed();
      return null;
    },
    run_retention: () => shell.job('retention', 'Tidying restore points', 'deleting', 0, 214, () => ({ type: 'retention', value: { marked_points: 3, marked_objects: 9, deleted_points: 12, deleted_objects: 214, deleted_bytes: 372e6, ended_uploads: 1, collectable_at: new Date(Date.now() + 86_400_000).toISOString() } }), 3),
    bucket_rules: () => (online(), rulesOf(demo)),
    set_versioning: ({ on }: { on: boolean }) => {
      demo.versioning = on ? 'on' : 'suspended';
      return rulesOf(demo);
    },
    plan_own_rule: ({ rule }: { rule: OwnRule | null }) => ownRulePlan(demo, rule),
    set_own_rule: ({ rule }: { rule: OwnRule | null }) => {
      demo.own = rule;
      return rulesOf(demo);
    },
    bucket_policy: ({ bucket: name }: { bucket: string | null }) => policyOf(name ?? demo.bucket?.bucket ?? 'YOUR-BUCKET'),
    encryption: () => encryptionOf(demo),
    turn_on_encryption: () => {
      demo.encryption = 'on';
      changed();
      return encryptionOf(demo);
    },
    unlock_encryption: ({ passphrase }: { passphrase: string }) => {
      if (passphrase !== 'open sesame') throw { code: 'wrong_passphrase', message: 'That passphrase does not open this backup.', hint: 'Type it again; capitals and spaces count.', retryable: false } satisfies ErrorReport;
      demo.encryption = 'on';
      demo.points = demo.points.map((p) => ({ ...p, state: 'ready', problem: null }));
      changed();
      return encryptionOf(demo);
    },
    change_passphrase: () => encryptionOf(demo),
    link_file: ({ id, expiresS: seconds }: { id: number; expiresS: number }) => {
      online();
      const most = 12 * 3600;
      const path = encodeURIComponent(shell.file(id).relative_path);
      return {
        url: `https://acme-redline.s3.eu-central-1.amazonaws.com/users/9f2c41d0b07e6a15/files/${path}?X-Amz-Expires=${Math.min(seconds, most)}&X-Amz-Signature=2c9f`,
        expires_at: new Date(Date.now() + Math.min(seconds, most) * 1000).toISOString(),
        shortened: seconds > most ? 'A link lasts seven days at most.' : null,
      };
    },
    free_files: ({ ids }: { ids: number[] }) => {
      online();
      const files = ids.map((id) => shell.file(id));
      return shell.job('free', files.length === 1 ? `Making "${files[0]!.filename}" cloud-only` : `Making ${files.length} files cloud-only`, 'verifying', 0, ids.length, () => {
        setStatus(files, 'cloud_only');
        return { type: 'free', value: { freed_files: files.length, freed_bytes: files.reduce((n, f) => n + f.size_bytes, 0), failed: [] } };
      }, 1.5);
    },
    plan_free: ({ rule }: { rule: FreeRule }): FreeReport => {
      const all = shell.catalog.page({ file_type: null, search: null, sort: 'size', reverse: false, offset: 0, limit: 1000, trash: false }).files;
      const freed = all.filter((f) => f.status === 'stored' && f.size_bytes > rule.larger_than_bytes && Date.parse(f.uploaded_at) < Date.now() - rule.older_than_days * 86_400_000);
      return { freed_files: freed.length, freed_bytes: freed.reduce((n, f) => n + f.size_bytes, 0), failed: [] };
    },
    free_rule: () => demo.freeRule,
    set_free_rule: ({ rule }: { rule: FreeRule | null }) => {
      demo.freeRule = rule;
      changed();
      return null;
    },
    fetch_files: ({ ids }: { ids: number[] }) => {
      online();
      const files = ids.map((id) => shell.file(id));
      return shell.job('fetch', files.length === 1 ? `Fetching "${files[0]!.filename}"` : `Fetching ${files.length} files`, 'downloading', files.reduce((n, f) => n + f.size_bytes, 0), ids.length, () => {
        setStatus(files, 'stored');
        return { type: 'fetch', value: { fetched_files: files.length, fetched_bytes: files.reduce((n, f) => n + f.size_bytes, 0), failed: [] } };
      }, 3);
    },
  };

  function setStatus(files: FileView[], status: FileView['status']): void {
    shell.catalog.setStatus(files.map((f) => f.id), status);
    shell.tell({ type: 'files' });
  }

  return commands;
}
