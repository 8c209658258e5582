//! The settings of this machine: `settings.json` in the config folder.
//!
//! Fields that this version does not know are kept as they are, so that an older
//! Redline beside a newer one takes nothing away. A file that cannot be read is
//! set aside, never overwritten.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::contract::Settings;
use crate::error::{Code, CoreError};
use crate::fsx::{self, Durability};

const FILE: &str = "settings.json";

/// The settings file as last read or written.
pub(crate) struct SettingsFile {
    path: PathBuf,
    raw: Map<String, Value>,
    current: Settings,
}

impl SettingsFile {
    /// Reads the file; also answers what to tell the person about it, if anything.
    pub(crate) fn load(config_dir: &Path) -> (Self, Option<String>) {
        let path = config_dir.join(FILE);
        let (raw, note) = match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice::<Map<String, Value>>(&bytes) {
                Ok(raw) => (raw, None),
                Err(_) => (Map::new(), Some(set_aside(&path))),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (Map::new(), None),
            Err(error) => {
                let note = format!(
                    "The settings could not be read ({}); the defaults are used.",
                    error.kind()
                );
                (Map::new(), Some(note))
            }
        };
        let (current, ignored) = known_fields(&raw);
        let note = note.or_else(|| {
            (!ignored.is_empty()).then(|| {
                format!(
                    "The settings file has a value for {} that this version cannot use; the default is used.",
                    ignored.join(", ")
                )
            })
        });
        (Self { path, raw, current }, note)
    }

    pub(crate) fn get(&self) -> Settings {
        self.current.clone()
    }

    /// Writes `settings` durably, beside what other versions wrote.
    pub(crate) fn save(&mut self, settings: Settings) -> Result<(), CoreError> {
        if settings.api_port < 1024 {
            return Err(CoreError::bad_request(
                format!("Port {} cannot be used for the API.", settings.api_port),
                "Choose a port from 1024 to 65535.",
            ));
        }
        // Another process may have saved since: its unknown fields win over ours.
        if let Ok(bytes) = fs::read(&self.path)
            && let Ok(raw) = serde_json::from_slice(&bytes)
        {
            self.raw = raw;
        }
        let mut raw = self.raw.clone();
        raw.extend(fields(&settings));
        let mut text = serde_json::to_vec_pretty(&raw).unwrap_or_default();
        text.push(b'\n');
        fsx::replace(&self.path, &text, Durability::Synced).map_err(|error| {
            CoreError::new(
                if error.kind() == std::io::ErrorKind::StorageFull {
                    Code::DiskFull
                } else {
                    Code::ReadOnly
                },
                format!("Could not save the settings: {}.", error.kind()),
                "Check the free space and the permissions of the settings folder.",
            )
        })?;
        self.raw = raw;
        self.current = settings;
        Ok(())
    }
}

fn fields(settings: &Settings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// What of `raw` is usable, and the names of known fields whose value is not.
fn known_fields(raw: &Map<String, Value>) -> (Settings, Vec<String>) {
    let mut good = fields(&Settings::default());
    let mut ignored = Vec::new();
    for (name, value) in raw {
        let Some(default) = good.get(name).cloned() else {
            continue;
        };
        good.insert(name.clone(), value.clone());
        if serde_json::from_value::<Settings>(Value::Object(good.clone())).is_err() {
            good.insert(name.clone(), default);
            ignored.push(format!("\"{name}\""));
        }
    }
    let settings = serde_json::from_value(Value::Object(good)).unwrap_or_default();
    (settings, ignored)
}

/// Moves a damaged file out of the way; answers what to tell the person.
fn set_aside(path: &Path) -> String {
    let name = format!("settings.damaged-{}.json", ulid::Ulid::new());
    match fs::rename(path, path.with_file_name(&name)) {
        Ok(()) => format!(
            "The settings file was damaged. It is kept as \"{name}\", and the defaults are used."
        ),
        Err(_) => "The settings file is damaged and could not be set aside; the defaults are used."
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{OnDuplicate, Theme};

    fn changed() -> Settings {
        Settings {
            theme: Theme::Dark,
            on_duplicate: OnDuplicate::Keep,
            sign_in_at_start: false,
            api_port: 9000,
            auto_backup: false,
            bandwidth_limit: Some(1 << 20),
        }
    }

    #[test]
    fn settings_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let (mut file, note) = SettingsFile::load(dir.path());
        assert_eq!((file.get(), note), (Settings::default(), None));
        file.save(changed()).unwrap();
        let (again, note) = SettingsFile::load(dir.path());
        assert_eq!((again.get(), note), (changed(), None));
    }

    #[test]
    fn fields_of_other_versions_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        fs::write(&path, r#"{"theme":"light","from_the_future":{"a":[1,2]}}"#).unwrap();
        let (mut file, _) = SettingsFile::load(dir.path());
        assert_eq!(file.get().theme, Theme::Light);
        file.save(changed()).unwrap();
        let raw: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(raw["from_the_future"]["a"][1], 2);
        assert_eq!(raw["theme"], "dark");
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_said() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), b"{\"theme\": \"da").unwrap();
        let (file, note) = SettingsFile::load(dir.path());
        assert_eq!(file.get(), Settings::default());
        let note = note.unwrap();
        let kept = note.split('"').nth(1).unwrap();
        assert_eq!(
            fs::read(dir.path().join(kept)).unwrap(),
            b"{\"theme\": \"da"
        );
        assert!(!dir.path().join(FILE).exists());
    }

    #[test]
    fn one_bad_value_costs_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join(FILE),
            r#"{"theme":"dark","api_port":"many"}"#,
        )
        .unwrap();
        let (file, note) = SettingsFile::load(dir.path());
        assert_eq!(
            file.get(),
            Settings {
                theme: Theme::Dark,
                ..Settings::default()
            }
        );
        assert!(note.unwrap().contains("\"api_port\""));
    }

    #[test]
    fn a_privileged_port_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (mut file, _) = SettingsFile::load(dir.path());
        let error = file
            .save(Settings {
                api_port: 80,
                ..Settings::default()
            })
            .unwrap_err();
        assert_eq!(error.code(), Code::BadRequest);
        assert!(!dir.path().join(FILE).exists());
    }
}
