/** A bucket and its restore points. */
import type { BackupStatus } from '../contract/BackupStatus';
import type { BucketView } from '../contract/BucketView';
import type { RestorePlanView } from '../contract/RestorePlanView';
import type { RestorePointView } from '../contract/RestorePointView';

const ago = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();

export function bucket(name: string, region: string, endpoint_url: string | null): BucketView {
  const denied = name.includes('denied');
  return {
    bucket: name,
    region,
    endpoint_url,
    has_secrets: true,
    checked_at: ago(0.1),
    aws_profile: null,
    server_encryption: { kind: 'bucket_default' },
    checks: [
      { name: 'write', ok: !denied, required: true, detail: denied ? 'Access denied: the key lacks s3:PutObject' : 'An object was stored', permission: denied ? 's3:PutObject' : null },
      { name: 'clock', ok: true, required: true, detail: 'Within 2 s of the server’s', permission: null },
      { name: 'read', ok: !denied, required: true, detail: denied ? 'Access denied: the key lacks s3:GetObject' : 'Read back the same', permission: denied ? 's3:GetObject' : null },
      { name: 'range', ok: true, required: true, detail: '16 bytes out of the middle', permission: null },
      { name: 'list', ok: true, required: true, detail: 'The new object is listed', permission: null },
      { name: 'multipart', ok: true, required: true, detail: 'A part was stored and taken back', permission: null },
      { name: 'copy', ok: true, required: false, detail: 'Copies on the server: bytes travel once', permission: null },
      { name: 'conditional_put', ok: true, required: false, detail: 'Ignored (no step of a backup needs it)', permission: null },
      { name: 'versioning', ok: true, required: false, detail: 'Off; every revision is kept by its hash instead', permission: null },
      { name: 'delete', ok: false, required: false, detail: 'Access denied: the key lacks s3:DeleteObject', permission: 's3:DeleteObject' },
    ],
  };
}

export function backupStatus(on: boolean): BackupStatus {
  const rest: Pick<BackupStatus, 'checks' | 'schedule' | 'undo' | 'retention' | 'encryption'> = {
    checks: [],
    schedule: { quick_days: 1, deep_days: 30, drill_days: 7 },
    undo: null,
    retention: null,
    encryption: 'off',
  };
  if (!on) return { bucket: null, last_backup_at: null, last_proven_at: null, waiting_files: 0, waiting_bytes: 0, ...rest };
  return {
    bucket: bucket('acme-redline', 'eu-central-1', null),
    last_backup_at: ago(3),
    last_proven_at: ago(50),
    waiting_files: 2,
    waiting_bytes: 99_600_000,
    ...rest,
  };
}

export function restorePoints(): RestorePointView[] {
  const point = (generation: number, hours: number, device: string, bytes: number, new_files: number, changed_files: number, authentic = true): RestorePointView => ({
    id: `${String(generation).padStart(16, '0')}-${device.toLowerCase()}`,
    generation,
    device,
    created_at: ago(hours),
    files: 1200 + generation,
    bytes,
    new_files,
    changed_files,
    authentic,
    removed_files: 0,
    uploaded_bytes: bytes / 40,
    state: authentic ? 'ready' : 'forged',
    problem: authentic ? null : 'Not written with this license key, or changed since.',
    head: generation === 42,
    grew: [],
  });
  return [
    point(42, 3, 'Desk', 5.3e9, 41, 3),
    point(41, 22, 'Laptop', 4.0e9, 0, 6),
    point(40, 77, 'Desk', 3.9e9, 12, 0),
    point(39, 160, 'Unknown', 3.9e9, 1, 1, false),
    point(38, 250, 'Desk', 3.1e9, 104, 8),
  ];
}

export function restorePlan(at: string | null): RestorePlanView {
  const points = restorePoints();
  return {
    point: points.find((p) => p.id === at) ?? points[0]!,
    new_files: 1,
    same_files: 1_281,
    differing_files: 1,
    kept_files: 2,
    bytes: 402_512_512,
    free_bytes: 212_000_000_000,
    chosen_files: 1_283,
    items: [],
    refused: [],
    skipped_points: [],
    with_devices: [],
  };
}
