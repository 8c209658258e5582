use std::path::PathBuf;
use crate::contract::*;
use crate::error::{Code, CoreError};
use crate::session::Session;
fn pending<T>() -> Result<T, CoreError> { Err(CoreError::new(Code::Internal, "being written", "")) }
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontEnd { Window, CommandLine, Server }
#[derive(Clone)]
pub struct Options { pub data_dir: Option<PathBuf>, pub config_dir: Option<PathBuf>, pub front_end: FrontEnd, pub env_key: Option<String> }
impl Options { pub fn from_env(front_end: FrontEnd) -> Self { Self { data_dir: None, config_dir: None, front_end, env_key: None } } }
#[derive(Clone)]
pub struct Redline { events: tokio::sync::broadcast::Sender<Event> }
impl Redline {
    pub fn open(_o: Options) -> Result<Redline, CoreError> { pending() }
    pub fn app_state(&self) -> AppState { self.retry_keyring() }
    pub fn retry_keyring(&self) -> AppState { AppState { version: crate::version().into(), keyring: self.keyring(), profiles: vec![], session: None, settings: Settings::default() } }
    pub fn keyring(&self) -> KeyringStatus { KeyringStatus { state: KeyringState::Absent, detail: String::new() } }
    pub fn profiles(&self) -> Vec<ProfileView> { vec![] }
    pub fn sign_in(&self, _r: SignInRequest) -> Result<Session, CoreError> { pending() }
    pub fn use_profile(&self, _name: &str, _passphrase: Option<&str>) -> Result<Session, CoreError> { pending() }
    pub fn resume(&self) -> Option<Result<Session, CoreError>> { None }
    pub fn session_for(&self, _profile: Option<&str>) -> Result<Session, CoreError> { pending() }
    pub fn session_for_key(&self, _key: &str) -> Result<Session, CoreError> { pending() }
    pub fn sign_out(&self) -> AppState { self.app_state() }
    pub fn forget_profile(&self, _name: &str) -> Result<AppState, CoreError> { pending() }
    pub fn rename_profile(&self, _name: &str, _label: &str) -> Result<AppState, CoreError> { pending() }
    pub fn session(&self) -> Result<Session, CoreError> { pending() }
    pub fn settings(&self) -> Settings { Settings::default() }
    pub fn save_settings(&self, _s: Settings) -> Result<Settings, CoreError> { pending() }
    pub fn events(&self) -> tokio::sync::broadcast::Receiver<Event> { self.events.subscribe() }
    pub fn doctor(&self) -> Vec<DoctorCheck> { vec![] }
}
