/**
 * A bucket and its restore points. `backup=` says in which state:
 * `none` · `some` · `keyless` (its keys are not held) · `first` (set up, nothing sent) · `unproven` · `stale` · `broken` (a check found
 * something) · `failed` (backups break off) · `full` (no room to restore) · `offline` · `locked` · `encrypted` · `mass` (a mass delete) · `absent` · `undo` · `met`
 * (two devices, not merged yet) · `away` (the network goes in the middle of a transfer) · `long` (long names, ten thousand files in a plan) · `rules` (keep rules, versions, a dangerous rule of the bucket's);
 * `points=N` makes so many restore points.
 */
import type { BackupPlanView } from '../contract/BackupPlanView';
import type { BackupStatus } from '../contract/BackupStatus';
import type { BucketRulesView } from '../contract/BucketRulesView';
import type { BucketSetup } from '../contract/BucketSetup';
import type { BucketView } from '../contract/BucketView';
import type { CheckKind } from '../contract/CheckKind';
import type { FileVersionView } from '../contract/FileVersionView';
import type { FileVersionsView } from '../contract/FileVersionsView';
import type { CheckNote } from '../contract/CheckNote';
import type { EncryptionView } from '../contract/EncryptionView';
import type { ErrorReport } from '../contract/ErrorReport';
import type { FreeRule } from '../contract/FreeRule';
import type { KeepRules } from '../contract/KeepRules';
import type { OwnRule } from '../contract/OwnRule';
import type { OwnRulePlanView } from '../contract/OwnRulePlanView';
import type { PointChange } from '../contract/PointChange';
import type { PointChangesView } from '../contract/PointChangesView';
import type { RestorePlanItem } from '../contract/RestorePlanItem';
import type { RestorePlanView } from '../contract/RestorePlanView';
import type { RestorePointView } from '../contract/RestorePointView';
import type { RestoreRequest } from '../contract/RestoreRequest';
import type { RetentionPlanView } from '../contract/RetentionPlanView';

const HOUR = 3_600_000;
const ago = (hours: number) => new Date(Date.now() - hours * HOUR).toISOString();

export function bucket(setup: Pick<BucketSetup, 'bucket' | 'region' | 'endpoint_url'> & Partial<BucketSetup>): BucketView {
  const denied = setup.bucket.includes('denied');
  const check = (name: string, required: boolean, detail: string, permission: string | null = null) => ({ name, ok: permission === null, required, detail, permission });
  const refuse = (name: string, permission: string, required = true) => check(name, required, `Access denied: the keys may not do that (${permission}). hint: add that permission to the access key's policy; \`redline backup probe\` tests each one`, permission);
  return {
    bucket: setup.bucket,
    region: setup.region,
    endpoint_url: setup.endpoint_url,
    has_secrets: !setup.aws_profile,
    aws_profile: setup.aws_profile ?? null,
    server_encryption: setup.server_encryption ?? { kind: 'bucket_default' },
    checked_at: ago(0.1),
    checks: [
      check('write', true, 'An object was stored.'),
      check('clock', true, 'Within 2 s of the server’s.'),
      denied ? refuse('read', 's3:GetObject') : check('read', true, 'Read back the same.'),
      denied ? refuse('range', 's3:GetObject') : check('range', true, '16 bytes out of the middle.'),
      denied ? refuse('list', 's3:ListBucket') : check('list', true, 'The new object is listed.'),
      check('multipart', true, 'A part was stored and taken back.'),
      check('copy', false, 'Copies on the server: bytes travel once.'),
      check('conditional_put', false, 'Ignored (no step of a backup needs it).'),
      check('versioning', false, 'Off; every revision is kept by its hash instead.'),
      refuse('delete', 's3:DeleteObject', false),
    ],
  };
}

/** As long as S3 has them, and as people have them. */
const LONG_BUCKET = 'acme-corporation-research-department-redline-backups-eu-central';
const LONG = 'reports/2026/Quarterly positions of every desk, with corrections and remarks from the second review (final, really) 2026-11-21 v17';
const LONG_DEVICE = 'Research workstation on the third floor, west wing';

const NAMES = ['trades_q3.feather', 'prices_2024.csv', 'positions.duckdb', 'customers (cleaned).xlsx', 'orders_export_final_v2.json', 'ticks_eurusd.csv.zst'];

/** Newest first; every so often one that cannot be restored. */
export function restorePoints(count: number, met: boolean, sealed: 'off' | 'on' | 'locked' = 'off'): RestorePointView[] {
  return Array.from({ length: count }, (_, i): RestorePointView => {
    const generation = count - i;
    const state = sealed === 'locked' ? 'locked' : i === 3 ? 'forged' : i === 8 ? 'damaged' : i === 11 ? 'too_new' : 'ready';
    const laptop = i % 5 === 1;
    const new_files = i === count - 1 ? 1_204 : [41, 0, 12, 1, 104, 0, 7][i % 7]!;
    const by = [1.31e9, 88.4e6, 402e6, 6.1e6, 204e6][i % 5]!;
    return {
      id: `${String(generation).padStart(16, '0')}-${laptop ? 'laptop' : 'desk'}-01J`,
      generation,
      device: laptop ? 'Laptop' : i === 3 ? 'Unknown' : 'Desk',
      created_at: ago(3 + i * (i < 20 ? 19 : 27)),
      files: 1_284 - Math.min(1_000, i * 3),
      bytes: Math.max(0.4e9, 5.3e9 - i * 0.05e9),
      new_files,
      changed_files: [3, 6, 0, 1, 8, 0, 2][i % 7]!,
      removed_files: i % 6 === 4 ? 2 : 0,
      uploaded_bytes: [1.34e9, 12.4e6, 402e6, 6.2e6, 230e6, 0, 41e6][i % 7]!,
      authentic: state !== 'forged',
      state,
      problem: { ready: null, forged: 'It is not signed with this license key.', damaged: 'Its list of files was cut short: 41,022 of 96,310 bytes are there.', too_new: 'It was written by Redline 3, in a form that this version does not know.', locked: 'It is encrypted, and its key is not on this machine.' }[state],
      // Encryption was turned on a few points ago.
      encrypted: sealed === 'locked' || (sealed === 'on' && i < 6),
      head: i === 0 || (met && i === 1),
      grew: new_files > 0 ? [{ path: `desk/${NAMES[i % NAMES.length]}`, by_bytes: by, size_bytes: i % 2 === 0 ? by : by * 4 }] : [],
    };
  });
}

function lengthen(long: boolean, points: RestorePointView[]): RestorePointView[] {
  if (!long) return points;
  return points.map((p) => ({ ...p, device: p.device === 'Laptop' ? LONG_DEVICE : p.device, grew: p.grew.map((g) => ({ ...g, path: `${LONG}.parquet` })) }));
}

export function changesOf(points: RestorePointView[], id: string): PointChangesView {
  const at = Math.max(0, points.findIndex((p) => p.id === id));
  const point = points[at]!;
  const list = (n: number, make: (path: string, i: number) => PointChange) => Array.from({ length: Math.min(500, n) }, (_, i) => make(`desk/${NAMES[i % NAMES.length]!.replace('.', `_${i}.`)}`, i));
  return {
    point,
    against: points[at + 1]?.id ?? null,
    new_count: point.new_files,
    changed_count: point.changed_files,
    removed_count: point.removed_files,
    new: list(point.new_files, (path, i) => ({ path, bytes_before: null, bytes_after: 1.31e9 / (i + 1) })),
    changed: list(point.changed_files, (path, i) => ({ path, bytes_before: 88e6, bytes_after: 88e6 + (i % 2 ? -1 : 1) * 4.1e6 * i })),
    removed: list(point.removed_files, (path, i) => ({ path, bytes_before: 12e6 * (i + 1), bytes_after: null })),
  };
}

/** Enough of a glob for a demonstration. */
function fits(glob: string, path: string): boolean {
  const parts: Record<string, string> = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' };
  const source = glob.replace(/\*\*\/|\*\*|[*?]|[.+^$()|\\]/g, (part) => parts[part] ?? `\\${part}`);
  return new RegExp(`^${source}$`).test(path);
}

const ITEMS: RestorePlanItem[] = [
  { path: 'desk/positions.duckdb', size_bytes: 402_112_512, replaces: false },
  { path: 'desk/prices_2024.csv', size_bytes: 88_412_906, replaces: true },
  { path: 'desk/reports/q3/summary.xlsx', size_bytes: 6_100_000, replaces: false },
  { path: 'desk/reports/q3/trades_q3.feather', size_bytes: 1_310_000_000, replaces: false },
  ...Array.from({ length: 36 }, (_, i) => ({ path: `desk/ticks/ticks_${String(i + 1).padStart(2, '0')}.parquet`, size_bytes: 11_200_000 + i * 40_000, replaces: i % 9 === 4 })),
];

export interface BackupDemo {
  state: string;
  bucket: BucketView | null;
  points: RestorePointView[];
  retention: KeepRules | null;
  schedule: BackupStatus['schedule'];
  encryption: BackupStatus['encryption'];
  undo: BackupStatus['undo'];
  checks: CheckNote[];
  versioning: BucketRulesView['versioning'];
  own: OwnRule | null;
  proven: string | null;
  freeRule: FreeRule | null;
  mass: boolean;
}

export function backupDemo(options: URLSearchParams): BackupDemo {
  const state = options.get('backup') ?? 'some';
  const few = state === 'first' || options.has('empty');
  const points = state === 'none' || few ? [] : lengthen(state === 'long', restorePoints(Number(options.get('points') ?? 24), state === 'met', state === 'locked' ? 'locked' : state === 'encrypted' ? 'on' : 'off'));
  const note = (kind: CheckKind, hours: number, ok = true): CheckNote => ({ kind, at: ago(hours), point: points[2]?.id ?? '', ok, findings: ok ? 0 : 3, due: ago(hours - (kind === 'quick' ? 24 : kind === 'drill' ? 168 : 720)) });
  const stale = state === 'stale';
  const proven = few || state === 'unproven' || state === 'none' ? null : ago(stale ? 1_400 : 50);
  return {
    state,
    bucket: state === 'none' ? null : state === 'long' ? bucket({ bucket: LONG_BUCKET, region: 'eu-central-1', endpoint_url: `https://${LONG_BUCKET}.objects.storage.example.com:9000` }) : { ...bucket({ bucket: 'acme-redline', region: 'eu-central-1', endpoint_url: null }), has_secrets: state !== 'keyless' },
    points,
    retention: state === 'rules' ? { last: 10, daily: 14, weekly: 8, monthly: 12 } : null,
    schedule: { quick_days: 1, deep_days: 30, drill_days: 7 },
    encryption: state === 'locked' ? 'locked' : state === 'encrypted' ? 'on' : 'off',
    undo: state === 'undo' ? { point: points[2]!.id, restored_at: ago(2), until: ago(-166), new_files: 12, replaced_files: 3 } : null,
    checks: proven ? [state === 'broken' ? note('deep', 1, false) : note('deep', stale ? 1_700 : 200), note('drill', stale ? 1_400 : 50), note('quick', 5)] : [],
    versioning: state === 'rules' ? 'on' : 'off',
    own: state === 'rules' ? { abort_uploads_days: 7, archive_versions_days: null, expire_versions_days: 90 } : null,
    proven,
    freeRule: null,
    mass: state === 'mass',
  };
}

export function statusOf(demo: BackupDemo): BackupStatus {
  return {
    bucket: demo.bucket,
    last_backup_at: demo.points[0]?.created_at ?? null,
    last_proven_at: demo.proven,
    waiting_files: demo.bucket ? 2 : 0,
    waiting_bytes: demo.bucket ? 99_600_000 : 0,
    checks: demo.checks,
    schedule: demo.schedule,
    undo: demo.undo,
    retention: demo.retention,
    encryption: demo.encryption,
  };
}

export function planOf(demo: BackupDemo): BackupPlanView {
  const first = demo.points.length === 0;
  return {
    upload_files: first ? 1_284 : 2,
    upload_bytes: first ? 5_400_000_000 : 99_600_000,
    unchanged_files: first ? 0 : 1_282,
    removed_files: demo.mass ? 1_204 : 0,
    absent_files: demo.state === 'absent' ? 12 : 0,
    mass_delete: demo.mass ? { removed_files: 1_204, of_files: 1_284, examples: ['desk/prices_2024.csv', 'desk/positions.duckdb', 'desk/reports/q3/summary.xlsx'] } : null,
    other_devices: demo.state === 'met' ? ['Laptop'] : [],
  };
}

export function restorePlan(demo: BackupDemo, request: RestoreRequest): RestorePlanView {
  const point = demo.points.find((p) => p.id === request.at) ?? demo.points[0]!;
  const all = request.only.length + request.paths.length === 0;
  if (demo.state === 'long' && all) {
    // Core names the first 500 of what it would write; the counts are of all.
    const listed = Array.from({ length: 500 }, (_, i): RestorePlanItem => ({ path: `${LONG} ${i + 1}.parquet`, size_bytes: 11_200_000 + i * 40_000, replaces: i % 9 === 4 }));
    return { point, new_files: 9_112, same_files: 41_288, differing_files: 888, kept_files: 12, bytes: 214_400_000_000, free_bytes: 912_000_000_000, chosen_files: 51_288, items: listed, refused: [`../${LONG}.csv`], skipped_points: [], with_devices: [LONG_DEVICE] };
  }
  const named = request.paths.filter((path) => !ITEMS.some((item) => item.path === path)).map((path) => ({ path, size_bytes: 4_100_000, replaces: true }));
  const items = all ? ITEMS : named.length > 0 ? named : ITEMS.filter((item) => request.paths.includes(item.path) || request.only.some((glob) => fits(glob, item.path)));
  const differing = items.filter((item) => item.replaces).length;
  return {
    point,
    new_files: items.length - differing,
    same_files: all ? point.files - items.length : 0,
    differing_files: differing,
    kept_files: all ? 2 : 1_284 - items.length,
    bytes: items.reduce((n, item) => n + item.size_bytes, 0),
    free_bytes: demo.state === 'full' ? 1_100_000_000 : 212_000_000_000,
    chosen_files: all ? point.files : items.length,
    items,
    refused: [],
    skipped_points: [],
    with_devices: demo.state === 'met' ? ['Laptop'] : [],
  };
}

/** Every third restore point or so has other bytes; the newest have those that are here. */
export function versionsOf(demo: BackupDemo, path: string, known: string[], olderThan: string | null): FileVersionsView {
  const AT_ONCE = 16;
  const from = olderThan === null ? 0 : demo.points.findIndex((p) => p.id === olderThan) + 1;
  const looked = demo.points.slice(from, from + AT_ONCE);
  const told = new Set(known);
  const versions = looked.flatMap((p, i): FileVersionView[] => {
    const step = Math.floor((from + i) / 3);
    const sha256 = `${path}, ${step} changes ago`;
    if (step === 0 || p.state !== 'ready' || told.has(sha256)) return [];
    told.add(sha256);
    return [{ point: p.id, created_at: p.created_at, device: p.device, size_bytes: Math.max(1_200_000, 84_300_000 - step * 4_100_000), sha256 }];
  });
  const remaining = Math.max(0, demo.points.length - from - looked.length);
  return {
    versions,
    looked_at: looked.length,
    remaining,
    next: remaining > 0 ? looked.at(-1)!.id : null,
    skipped_points: looked.filter((p) => p.state !== 'ready').map((p) => ({ id: p.id, why: p.problem ?? '' })),
  };
}

export function retentionPlan(demo: BackupDemo, rules: KeepRules): RetentionPlanView {
  const keep = Math.max(1, rules.last) + rules.daily + rules.weekly + rules.monthly;
  const good = demo.points.filter((p) => p.state === 'ready');
  const dropped = good.slice(keep);
  return {
    rules,
    kept_points: Math.min(keep, good.length),
    dropped,
    bytes: dropped.length * 31_000_000,
    objects: dropped.length * 3,
    collectable_objects: demo.state === 'rules' ? 214 : 0,
    collectable_at: null,
    refused: demo.state === 'broken' ? 'Nothing can be dropped while one restore point cannot be read: what it needs is not known.' : null,
  };
}

export function rulesOf(demo: BackupDemo): BucketRulesView {
  const own = demo.own;
  return {
    versioning: demo.versioning,
    versioning_proven: demo.versioning === 'on',
    lifecycle: [
      ...(demo.state === 'rules' ? [{ id: 'expire-all', enabled: true, prefix: '', does: ['Deletes every object 365 days after it was stored.'], endangers_backup: true, ours: false }] : []),
      ...(own
        ? [
            {
              id: 'redline-0566',
              enabled: true,
              prefix: 'users/9f2c41d0b07e6a15/',
              does: [own.abort_uploads_days ? `Ends unfinished uploads after ${own.abort_uploads_days} days.` : '', own.archive_versions_days ? `Archives old versions after ${own.archive_versions_days} days.` : '', own.expire_versions_days ? `Deletes old versions ${own.expire_versions_days} days after they were replaced.` : ''].filter(Boolean),
              endangers_backup: false,
              ours: true,
            },
          ]
        : []),
    ],
    replication: demo.state === 'rules' ? [{ id: 'to-dublin', enabled: true, prefix: '', does: ['Copies everything to acme-redline-dublin.'], endangers_backup: false, ours: false }] : [],
    unknown: demo.state === 'rules' ? [] : ['Replication could not be asked: the keys lack s3:GetReplicationConfiguration'],
    own_rule: own,
  };
}

export function ownRulePlan(demo: BackupDemo, rule: OwnRule | null): OwnRulePlanView {
  return {
    effects: [
      'Restore points do not change: every revision they name is kept by its hash',
      rule?.abort_uploads_days ? `Uploads that did not end within ${rule?.abort_uploads_days} days are removed; a backup that is under way for longer would begin them anew` : '',
      rule?.expire_versions_days ? `What other programs overwrite below users/ can be had back for ${rule?.expire_versions_days} days` : '',
    ].filter(Boolean),
    after: rulesOf({ ...demo, own: rule }).lifecycle,
  };
}

export function encryptionOf(demo: BackupDemo): EncryptionView {
  return {
    state: demo.encryption,
    costs: [
      'No other program can read the files in the bucket, and there are no links to them.',
      'Who loses the recovery passphrase and this machine loses the backup.',
      'Everything is sent once more. What lies there unencrypted stays until keep rules drop it.',
      'It cannot be switched off again for this backup.',
    ],
    refused: null,
    in_the_clear: demo.encryption === 'on' && demo.points.some((p) => !p.encrypted) ? 'Restore points from before are not encrypted: 4.8 GB in 1,284 files can be read by whoever has the bucket’s keys. Keep rules delete them in time.' : null,
  };
}

export function offlineError(): ErrorReport {
  return { code: 'network', message: 'Could not reach “acme-redline”: no answer from s3.eu-central-1.amazonaws.com.', hint: 'Check the network and try again.', retryable: true };
}

export function policyOf(bucket: string): string {
  const arn = `arn:aws:s3:::${bucket}`;
  const below = 'users/9f2c41d0b07e6a15/*';
  const Statement = [
    { Sid: 'RedlineFiles', Effect: 'Allow', Action: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'], Resource: `${arn}/${below}` },
    { Sid: 'RedlineList', Effect: 'Allow', Action: ['s3:ListBucket'], Resource: arn, Condition: { StringLike: { 's3:prefix': below } } },
  ];
  return JSON.stringify({ Version: '2012-10-17', Statement }, null, 2);
}
