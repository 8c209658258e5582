//! Files made readable for SQL, kept while a person works with them: the second query
//! over a file of text does not read all of it again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use redline_convert::Staged;
use redline_store::{FileRecord, ScratchDir};

use crate::convert::{check_options, limits};
use crate::error::{CoreError, convert_error};
use crate::session::Session;

/// Files that are kept so; the one longest unused goes first.
const KEPT: usize = 8;

/// By the bytes of the file and how they are read.
#[derive(Default)]
pub(crate) struct Stages(VecDeque<(String, Staged, Arc<ScratchDir>)>);

impl Stages {
    fn get(&mut self, key: &str) -> Option<(Staged, Arc<ScratchDir>)> {
        let at = self.0.iter().position(|(other, ..)| other == key)?;
        let (key, staged, scratch) = self.0.remove(at)?;
        let found = (staged.clone(), Arc::clone(&scratch));
        self.0.push_back((key, staged, scratch));
        Some(found)
    }

    fn put(&mut self, key: String, staged: Staged, scratch: Arc<ScratchDir>) {
        self.0.retain(|(other, ..)| *other != key);
        self.0.push_back((key, staged, scratch));
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Session {
    /// A stored file as SQL can read it, and the folder that has to stand meanwhile.
    pub(crate) fn staged(
        &self,
        record: &FileRecord,
        options: &BTreeMap<String, String>,
        progress: &dyn redline_convert::Progress,
    ) -> Result<(Staged, Arc<ScratchDir>), CoreError> {
        let chosen = check_options(options)?;
        let key = self.profile_key(record, options)?;
        let known = key.as_deref().and_then(|key| self.0.stages.lock().get(key));
        if let Some(known) = known {
            return Ok(known);
        }
        let scratch = Arc::new(self.0.store.scratch_dir()?);
        let limits = limits(scratch.path(), options);
        let dest = scratch.path().join("table");
        let source = self.source(record)?;
        let staged = redline_convert::stage(&source, &chosen, &dest, &limits, progress)
            .map_err(|error| convert_error(error, &record.filename))?;
        if let Some(key) = key {
            let kept = (staged.clone(), Arc::clone(&scratch));
            self.0.stages.lock().put(key, kept.0, kept.1);
        }
        Ok((staged, scratch))
    }
}
