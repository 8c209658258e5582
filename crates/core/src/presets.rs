//! Presets: choices of a conversion that a person saved under a name, for each store.

use crate::contract::PresetView;
use crate::convert::{check_options, format};
use crate::error::{Code, CoreError};
use crate::fsx::Durability;
use crate::kept::Kept;
use crate::session::Session;

const MOST: usize = 200;
/// Characters of a name.
const LONGEST: usize = 80;

impl Session {
    fn kept_presets(&self) -> Kept {
        Kept::new(
            &self.settings_dir(),
            "presets.json",
            Durability::Synced,
            "the presets",
        )
    }

    /// By name.
    pub fn presets(&self) -> Vec<PresetView> {
        self.kept_presets().read()
    }

    /// The preset of this name, in any case.
    ///
    /// # Errors
    /// [`Code::NotFound`]
    pub fn preset(&self, name: &str) -> Result<PresetView, CoreError> {
        self.presets()
            .into_iter()
            .find(|preset| same(&preset.name, name))
            .ok_or_else(|| unknown(name))
    }

    /// Saves a preset, in the place of one with the same name; answers all of them.
    pub fn save_preset(&self, preset: PresetView) -> Result<Vec<PresetView>, CoreError> {
        let name = preset.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > LONGEST || name.chars().any(char::is_control) {
            return Err(CoreError::bad_request(
                "That is no name for a preset.",
                format!("Use 1 to {LONGEST} characters on one line."),
            ));
        }
        let to = preset
            .to
            .as_deref()
            .map(|to| format(to).map(|format| format.id().to_owned()))
            .transpose()?;
        check_options(&preset.options)?;
        let preset = PresetView {
            name,
            to,
            options: preset.options,
        };
        self.kept_presets()
            .update(move |presets: &mut Vec<PresetView>| {
                presets.retain(|other| !same(&other.name, &preset.name));
                if presets.len() >= MOST {
                    return Err(CoreError::bad_request(
                        format!("There are {MOST} presets already."),
                        "Delete one that is not used any more.",
                    ));
                }
                presets.push(preset);
                presets.sort_by_key(|preset| preset.name.to_lowercase());
                Ok(presets.clone())
            })
    }

    /// Deletes a preset; answers those that are left.
    ///
    /// # Errors
    /// [`Code::NotFound`]
    pub fn delete_preset(&self, name: &str) -> Result<Vec<PresetView>, CoreError> {
        self.kept_presets().update(|presets: &mut Vec<PresetView>| {
            let before = presets.len();
            presets.retain(|preset| !same(&preset.name, name));
            if presets.len() == before {
                return Err(unknown(name));
            }
            Ok(presets.clone())
        })
    }
}

fn same(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

fn unknown(name: &str) -> CoreError {
    CoreError::new(
        Code::NotFound,
        format!("There is no preset \"{}\".", name.trim()),
        "The list of presets shows what there is.",
    )
}
