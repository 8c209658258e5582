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
    checks: [
      { name: 'Write', ok: !denied, required: true, detail: denied ? 'Access denied: the key lacks s3:PutObject.' : '1 KB written.' },
      { name: 'Read back', ok: !denied, required: true, detail: denied ? 'Not tried: nothing could be written.' : 'Same bytes.' },
      { name: 'Read a range', ok: !denied, required: true, detail: 'Bytes 100 to 199.' },
      { name: 'List', ok: true, required: true, detail: 'Sees its own object.' },
      { name: 'Large uploads', ok: true, required: true, detail: 'Begun and given up again.' },
      { name: 'Versioning', ok: false, required: false, detail: 'Off; older bytes are kept as objects of our own.' },
      { name: 'Clock', ok: true, required: true, detail: 'Within 2 s.' },
    ],
  };
}

export function backupStatus(on: boolean): BackupStatus {
  if (!on) return { bucket: null, last_backup_at: null, last_proven_at: null, waiting_files: 0, waiting_bytes: 0 };
  return {
    bucket: bucket('acme-redline', 'eu-central-1', null),
    last_backup_at: ago(3),
    last_proven_at: ago(50),
    waiting_files: 2,
    waiting_bytes: 99_600_000,
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
  };
}
