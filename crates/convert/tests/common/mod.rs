//! Shared by the tests: a folder, files in it, and both directions in one call.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};

use redline_convert::*;
use tempfile::TempDir;

pub struct Bench {
    pub dir: TempDir,
    pub limits: Limits,
}

impl Bench {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let temp_dir = dir.path().join("temp");
        fs::create_dir(&temp_dir).unwrap();
        let limits = Limits {
            temp_dir,
            threads: 2,
            ..Limits::default()
        };
        Bench { dir, limits }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub fn profile(&self, path: &Path) -> Result<TableProfile, ConvertError> {
        profile(path, &self.limits, &())
    }

    pub fn plan(&self, path: &Path, to: Format) -> Result<ConversionPlan, ConvertError> {
        plan(path, None, to, &self.limits, &())
    }

    pub fn to(
        &self,
        path: &Path,
        to: Format,
        name: &str,
    ) -> Result<(PathBuf, Conversion), ConvertError> {
        let dest = self.path(name);
        let plan = self.plan(path, to)?;
        let done = convert(&plan, &dest, &Options::default(), &self.limits, &())?;
        assert_eq!(done.rows_in, done.rows_out + done.rows_rejected);
        assert_eq!(done.bytes_out, fs::metadata(&dest).unwrap().len());
        Ok((dest, done))
    }

    /// Names in the folder, and in the folder for temporary files.
    pub fn left(&self) -> Vec<String> {
        let mut names: Vec<String> = [self.dir.path(), &self.limits.temp_dir]
            .iter()
            .flat_map(|d| fs::read_dir(d).unwrap())
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|n| n != "temp")
            .collect();
        names.sort();
        names
    }
}

/// Every value of a table, null apart from empty.
pub fn cells(path: &Path) -> Vec<Vec<Option<String>>> {
    preview(
        path,
        path.extension().and_then(|e| Format::from_id(e.to_str()?)),
        10_000_000,
        0,
    )
    .unwrap()
    .rows
}

pub fn types(profile: &TableProfile) -> Vec<&str> {
    profile
        .columns
        .iter()
        .map(|c| c.type_name.as_str())
        .collect()
}
