use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use crate::contract::*;
use crate::error::{Code, CoreError};
fn pending<T>() -> Result<T, CoreError> { Err(CoreError::new(Code::Internal, "being written", "")) }
/// A job's id: a ULID.
pub type JobId = String;
/// One file or folder to import.
#[derive(Debug, Clone)]
pub struct SourcePath { pub path: PathBuf, pub token: Option<String> }
/// Told of each file of an import as soon as its outcome is durable.
pub trait ImportEvents {
    fn imported(&mut self, file: FileView);
    fn skipped(&mut self, file: SkippedFile);
    fn failed(&mut self, file: FailedFile);
}
#[derive(Clone)]
pub struct Session {}
impl Session {
    pub fn view(&self) -> SessionView { unreachable!() }
    pub fn masked_key(&self) -> String { String::new() }
    pub fn recovery_kit(&self) -> String { String::new() }
    pub fn list(&self, _q: &FileQuery) -> Result<FilePage, CoreError> { pending() }
    pub fn for_each_file(&self, _q: &FileQuery, _f: &mut dyn FnMut(FileView) -> ControlFlow<()>) -> Result<(), CoreError> { pending() }
    pub fn list_after(&self, _q: &FileQuery, _after: Option<i64>) -> Result<FilePage, CoreError> { pending() }
    pub fn counts(&self) -> Result<Vec<TypeCount>, CoreError> { pending() }
    pub fn file(&self, _id: i64) -> Result<FileView, CoreError> { pending() }
    pub fn import(&self, _paths: Vec<SourcePath>, _d: Option<OnDuplicate>) -> Result<JobId, CoreError> { pending() }
    pub fn import_now(&self, _paths: Vec<PathBuf>, _d: Option<OnDuplicate>, _sink: &mut dyn ImportEvents) -> Result<ImportReport, CoreError> { pending() }
    pub fn upload(&self, _name: &str, _r: &mut dyn Read) -> Result<FileView, CoreError> { pending() }
    pub fn open_file(&self, _id: i64) -> Result<(File, FileView), CoreError> { pending() }
    pub fn export(&self, _ids: &[i64], _dest: &Path) -> Result<JobId, CoreError> { pending() }
    pub fn export_now(&self, _id: i64, _dest: &Path) -> Result<u64, CoreError> { pending() }
    pub fn delete(&self, _ids: &[i64]) -> Result<u64, CoreError> { pending() }
    pub fn undelete(&self, _ids: &[i64]) -> Result<Vec<FileView>, CoreError> { pending() }
    pub fn empty_trash(&self) -> Result<(u64, u64), CoreError> { pending() }
    pub fn verify(&self, _ids: Option<Vec<i64>>) -> Result<JobId, CoreError> { pending() }
    pub fn verify_now(&self, _ids: Option<Vec<i64>>) -> Result<VerifyReport, CoreError> { pending() }
    pub fn stats(&self) -> Result<StoreStats, CoreError> { pending() }
    pub fn jobs(&self) -> Vec<JobView> { vec![] }
    pub fn job(&self, _id: &str) -> Result<JobView, CoreError> { pending() }
    pub fn cancel_job(&self, _id: &str) -> Result<(), CoreError> { pending() }
    pub fn dismiss_job(&self, _id: &str) -> Result<(), CoreError> { pending() }
    /// Waits until the job is over.
    pub fn wait(&self, _id: &str) -> JobView { unreachable!() }
    pub fn plan_conversion(&self, _id: i64, _to: &str) -> Result<ConversionPlanView, CoreError> { pending() }
    pub fn convert(&self, _id: i64, _to: &str) -> Result<JobId, CoreError> { pending() }
    pub fn convert_now(&self, _id: i64, _to: &str) -> Result<ConversionView, CoreError> { pending() }
    pub fn history(&self, _limit: u64, _offset: u64) -> Result<Vec<ConversionView>, CoreError> { pending() }
    pub fn backup_status(&self) -> Result<BackupStatus, CoreError> { pending() }
    pub fn set_bucket(&self, _s: BucketSetup) -> Result<BucketView, CoreError> { pending() }
    pub fn set_bucket_from_env_file(&self, _path: Option<&Path>) -> Result<BucketView, CoreError> { pending() }
    pub fn probe_bucket(&self) -> Result<BucketView, CoreError> { pending() }
    pub fn clear_bucket(&self) -> Result<(), CoreError> { pending() }
    pub fn plan_backup(&self) -> Result<BackupPlanView, CoreError> { pending() }
    pub fn backup(&self) -> Result<JobId, CoreError> { pending() }
    pub fn backup_now(&self) -> Result<BackupReport, CoreError> { pending() }
    pub fn restore_points(&self) -> Result<Vec<RestorePointView>, CoreError> { pending() }
    pub fn plan_restore(&self, _at: Option<&str>) -> Result<RestorePlanView, CoreError> { pending() }
    pub fn restore(&self, _at: Option<&str>) -> Result<JobId, CoreError> { pending() }
    pub fn restore_now(&self, _at: Option<&str>) -> Result<RestoreReport, CoreError> { pending() }
}
