/**
 * Every command and event of the shell, typed. Nothing outside this folder
 * imports `@tauri-apps/*`. Paths never cross: files come in as tokens and are
 * named by id. Secrets only travel in.
 */
import type { AppState } from '../contract/AppState';
import type { BackupPlanView } from '../contract/BackupPlanView';
import type { BackupStatus } from '../contract/BackupStatus';
import type { BucketRulesView } from '../contract/BucketRulesView';
import type { AwsProfileView } from '../contract/AwsProfileView';
import type { BucketSetup } from '../contract/BucketSetup';
import type { BucketView } from '../contract/BucketView';
import type { CheckSchedule } from '../contract/CheckSchedule';
import type { ConversionPlanView } from '../contract/ConversionPlanView';
import type { ConversionRequest } from '../contract/ConversionRequest';
import type { ConversionView } from '../contract/ConversionView';
import type { DataTableView } from '../contract/DataTableView';
import type { DoctorCheck } from '../contract/DoctorCheck';
import type { EncryptionView } from '../contract/EncryptionView';
import type { Event as CoreEvent } from '../contract/Event';
import type { FileBackupsView } from '../contract/FileBackupsView';
import type { FileContent } from '../contract/FileContent';
import type { FilePage } from '../contract/FilePage';
import type { FileQuery } from '../contract/FileQuery';
import type { FileVersionsView } from '../contract/FileVersionsView';
import type { FileView } from '../contract/FileView';
import type { FormatView } from '../contract/FormatView';
import type { FreeReport } from '../contract/FreeReport';
import type { FreeRule } from '../contract/FreeRule';
import type { GridOpen } from '../contract/GridOpen';
import type { GridQuery } from '../contract/GridQuery';
import type { GridRows } from '../contract/GridRows';
import type { GridTarget } from '../contract/GridTarget';
import type { JobView } from '../contract/JobView';
import type { KeepRules } from '../contract/KeepRules';
import type { LinkView } from '../contract/LinkView';
import type { MergeBy } from '../contract/MergeBy';
import type { OfferedPath } from '../contract/OfferedPath';
import type { OnDuplicate } from '../contract/OnDuplicate';
import type { OptionView } from '../contract/OptionView';
import type { OwnRule } from '../contract/OwnRule';
import type { OwnRulePlanView } from '../contract/OwnRulePlanView';
import type { PointChangesView } from '../contract/PointChangesView';
import type { PresetView } from '../contract/PresetView';
import type { ProfileReport } from '../contract/ProfileReport';
import type { QueryRecord } from '../contract/QueryRecord';
import type { QueryRelation } from '../contract/QueryRelation';
import type { QueryView } from '../contract/QueryView';
import type { RestorePlanView } from '../contract/RestorePlanView';
import type { RestorePointView } from '../contract/RestorePointView';
import type { RestoreRequest } from '../contract/RestoreRequest';
import type { RetentionPlanView } from '../contract/RetentionPlanView';
import type { ServerStatus } from '../contract/ServerStatus';
import type { SessionView } from '../contract/SessionView';
import type { Settings } from '../contract/Settings';
import type { SignInRequest } from '../contract/SignInRequest';
import type { StoreStats } from '../contract/StoreStats';
import type { TransferView } from '../contract/TransferView';
import type { TypeCount } from '../contract/TypeCount';
import { call, door, type Unlisten } from './transport';

/** The choices of a conversion, as `redline convert --set` takes them. */
export type Options = Record<string, string>;

export { toReport, useTransport, type Transport, type Unlisten } from './transport';

// session
export const appState = () => call<AppState>('app_state');
export const retryKeyring = () => call<AppState>('retry_keyring');
export const signIn = (request: SignInRequest) => call<SessionView>('sign_in', { request });
export const openProfile = (name: string, passphrase: string | null = null) =>
  call<SessionView>('use_profile', { name, passphrase });
export const signOut = () => call<AppState>('sign_out');
export const forgetProfile = (name: string) => call<AppState>('forget_profile', { name });
export const renameProfile = (name: string, label: string) => call<unknown>('rename_profile', { name, label });
export const saveRecoveryKit = () => call<boolean>('save_recovery_kit');
export const saveSettings = (settings: Settings) => call<Settings>('save_settings', { settings });

// files
export const listFiles = (query: FileQuery) => call<FilePage>('list_files', { query });
export const fileCounts = () => call<TypeCount[]>('file_counts');
export const fileDetails = (id: number) => call<FileView>('file_details', { id });
export const pickFiles = () => call<OfferedPath[]>('pick_files');
export const pickFolders = () => call<OfferedPath[]>('pick_folders');
export const importOffered = (tokens: string[], onDuplicate: OnDuplicate | null = null) =>
  call<string>('import_offered', { tokens, onDuplicate });
export const saveCopies = (ids: number[]) => call<string | null>('save_copies', { ids });
export const deleteFiles = (ids: number[]) => call<number>('delete_files', { ids });
export const restoreFromTrash = (ids: number[]) => call<number>('restore_from_trash', { ids });
export const emptyTrash = () => call<number>('empty_trash');
export const verifyFiles = (ids: number[] | null) => call<string>('verify_files', { ids });
export const stats = () => call<StoreStats>('stats');

// jobs
export const jobs = () => call<JobView[]>('jobs');
export const cancelJob = (id: string) => call<unknown>('cancel_job', { id });
export const dismissJob = (id: string) => call<unknown>('dismiss_job', { id });

// convert
export const formats = () => call<FormatView[]>('formats');
export const conversionOptions = (from: string, to: string) => call<OptionView[]>('conversion_options', { from, to });
export const planConversion = (id: number, request: ConversionRequest) => call<ConversionPlanView>('plan_conversion', { id, request });
export const convertFile = (id: number, request: ConversionRequest) => call<string>('convert_file', { id, request });
export const planMerge = (ids: number[], request: ConversionRequest, by: MergeBy, map: [string, string][]) =>
  call<ConversionPlanView>('plan_merge', { ids, request, by, map });
export const mergeFiles = (ids: number[], request: ConversionRequest, by: MergeBy, map: [string, string][]) =>
  call<string>('merge_files', { ids, request, by, map });
export const rerunConversion = (id: number) => call<string>('rerun_conversion', { id });
export const history = (limit: number, offset: number) => call<ConversionView[]>('history', { limit, offset });
export const saveCertificate = (conversionId: number) => call<boolean>('save_certificate', { conversionId });
export const inspectFile = (id: number, options: Options) => call<ProfileReport>('inspect_file', { id, options });
export const presets = () => call<PresetView[]>('presets');
export const savePreset = (preset: PresetView) => call<PresetView[]>('save_preset', { preset });
export const deletePreset = (name: string) => call<PresetView[]>('delete_preset', { name });

// grids, tables, queries
export const openGrid = (of: GridTarget, options: Options) => call<GridOpen>('open_grid', { of, options });
export const gridRows = (grid: string, first: number, count: number) => call<GridRows>('grid_rows', { grid, first, count });
export const refineGrid = (grid: string, query: GridQuery) => call<GridOpen>('refine_grid', { grid, query });
export const closeGrid = (grid: string) => call<unknown>('close_grid', { grid });
export const runQuery = (sql: string) => call<QueryView>('run_query', { sql });
export const cancelQuery = () => call<unknown>('cancel_query');
export const exportQuery = (sql: string, request: ConversionRequest, name: string) => call<string>('export_query', { sql, request, name });
export const queryHistory = () => call<QueryRecord[]>('query_history');
export const queryRelations = () => call<QueryRelation[]>('query_relations');
export const dataTables = () => call<DataTableView[]>('data_tables');
export const addTable = (fileId: number, name: string | null) => call<DataTableView>('add_table', { fileId, name });
export const dropTable = (name: string) => call<unknown>('drop_table', { name });

// backup
/** What the last restore point has of these files, at most 1,000; null without a bucket. */
export const fileBackups = (files: FileContent[]) => call<FileBackupsView | null>('file_backups', { files });
/** What the newest restore points, or those older than one, have of a file beside the contents that are known. */
export const fileVersions = (relativePath: string, known: string[], olderThan: string | null) =>
  call<FileVersionsView>('file_versions', { relativePath, known, olderThan });
export const backupStatus = () => call<BackupStatus>('backup_status');
export const setBucket = (setup: BucketSetup) => call<BucketView>('set_bucket', { setup });
/** Asks for a `.env` file, which core reads once; null when none was chosen. */
export const setBucketFromEnv = () => call<BucketView | null>('set_bucket_from_env');
/** The profiles of this machine’s AWS configuration; never their keys. */
export const awsProfiles = () => call<AwsProfileView[]>('aws_profiles');
export const probeBucket = () => call<BucketView>('probe_bucket');
export const clearBucket = () => call<unknown>('clear_bucket');
/** The rights that the keys of a bucket need; null for the one that is set up. */
export const bucketPolicy = (bucket: string | null) => call<string>('bucket_policy', { bucket });
export const planBackup = () => call<BackupPlanView>('plan_backup');
/** Without `confirmRemovals` a mass delete is answered with `confirmation_needed`. */
export const runBackup = (confirmRemovals = false) => call<string>('run_backup', { confirmRemovals });
export const transfer = () => call<TransferView>('transfer');
export const pauseTransfers = (paused: boolean) => call<TransferView>('pause_transfers', { paused });
export const restorePoints = () => call<RestorePointView[]>('restore_points');
export const pointChanges = (id: string) => call<PointChangesView>('point_changes', { id });
export const planRestore = ({ at, only, paths }: RestoreRequest) => call<RestorePlanView>('plan_restore', { at, only, paths });
export const runRestore = ({ at, only, paths }: RestoreRequest) => call<string>('run_restore', { at, only, paths });
export const undoRestore = () => call<string>('undo_restore');
export const checkBackup = (deep: boolean, at: string | null) => call<string>('check_backup', { deep, at });
export const drillBackup = () => call<string>('drill_backup');
export const setCheckSchedule = (schedule: CheckSchedule) => call<unknown>('set_check_schedule', { schedule });
export const planRetention = (rules: KeepRules) => call<RetentionPlanView>('plan_retention', { rules });
export const setRetention = (rules: KeepRules | null) => call<unknown>('set_retention', { rules });
export const runRetention = () => call<string>('run_retention');
export const bucketRules = () => call<BucketRulesView>('bucket_rules');
export const setVersioning = (on: boolean) => call<BucketRulesView>('set_versioning', { on });
/** Null takes the rule out of the bucket. */
export const planOwnRule = (rule: OwnRule | null) => call<OwnRulePlanView>('plan_own_rule', { rule });
export const setOwnRule = (rule: OwnRule | null) => call<BucketRulesView>('set_own_rule', { rule });
export const encryption = () => call<EncryptionView>('encryption');
export const turnOnEncryption = (passphrase: string) => call<EncryptionView>('turn_on_encryption', { passphrase });
export const unlockEncryption = (passphrase: string) => call<EncryptionView>('unlock_encryption', { passphrase });
/** The data key that is here makes the old one unnecessary. */
export const changePassphrase = (passphrase: string) => call<EncryptionView>('change_passphrase', { passphrase });
export const linkFile = (id: number, expiresS: number) => call<LinkView>('link_file', { id, expiresS });
export const freeFiles = (ids: number[]) => call<string>('free_files', { ids });
/** What a rule would make cloud-only now; changes nothing. */
export const planFree = (rule: FreeRule) => call<FreeReport>('plan_free', { rule });
export const freeRule = () => call<FreeRule | null>('free_rule');
export const setFreeRule = (rule: FreeRule | null) => call<unknown>('set_free_rule', { rule });
export const fetchFiles = (ids: number[]) => call<string>('fetch_files', { ids });

// this machine
export const doctor = () => call<DoctorCheck[]>('doctor');
export const serverStatus = () => call<ServerStatus>('server_status');
export const startServer = (port: number) => call<ServerStatus>('start_server', { port });
export const stopServer = () => call<ServerStatus>('stop_server');
export const windowReady = () => call<unknown>('window_ready');

export interface DragState {
  over: boolean;
  count: number;
}

export interface Listeners {
  event(event: CoreEvent): void;
  drag(state: DragState): void;
  offered(paths: OfferedPath[]): void;
}

/** Subscribes to all that the shell says without being asked. */
export async function subscribe(to: Listeners): Promise<Unlisten> {
  const { listen } = await door();
  const stops = await Promise.all([
    listen('redline://event', (payload) => to.event(payload as CoreEvent)),
    listen('redline://drag', (payload) => to.drag(payload as DragState)),
    listen('redline://offered', (payload) => to.offered(payload as OfferedPath[])),
  ]);
  return () => stops.forEach((stop) => stop());
}
