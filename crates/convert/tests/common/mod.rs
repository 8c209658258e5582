//! Shared by the tests: a folder, files in it, and both directions in one call.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use redline_convert::*;
use tempfile::TempDir;

pub struct Bench {
    pub dir: TempDir,
    pub limits: Limits,
}

pub type Outcome<T> = Result<T, ConvertError>;

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

    /// A Parquet file from SQL, made outside of the crate under test.
    pub fn parquet(&self, name: &str, select: &str) -> PathBuf {
        let path = self.path(name);
        let con = duckdb::Connection::open_in_memory().unwrap();
        con.execute_batch(&format!(
            "SET TimeZone = 'America/New_York'; COPY ({select}) TO '{}' (FORMAT parquet)",
            path.display()
        ))
        .unwrap();
        path
    }

    /// A Feather file of these batches.
    pub fn feather(&self, name: &str, batches: &[RecordBatch]) -> PathBuf {
        let path = self.path(name);
        let file = fs::File::create(&path).unwrap();
        let mut writer =
            arrow::ipc::writer::FileWriter::try_new(file, &batches[0].schema()).unwrap();
        for batch in batches {
            writer.write(batch).unwrap();
        }
        writer.finish().unwrap();
        path
    }

    pub fn profile(&self, path: &Path) -> Outcome<TableProfile> {
        profile(&Source::new(path), &Options::default(), &self.limits, &())
    }

    pub fn plan(&self, path: &Path, to: Format) -> Outcome<ConversionPlan> {
        self.plan_with(path, to, &[])
    }

    pub fn plan_with(
        &self,
        path: &Path,
        to: Format,
        set: &[(&str, &str)],
    ) -> Outcome<ConversionPlan> {
        let options = Options::parse(set.iter().copied())?;
        plan(&Source::new(path), to, &options, &self.limits, &())
    }

    pub fn run(&self, plan: &ConversionPlan, name: &str) -> Outcome<(PathBuf, Conversion)> {
        let dest = self.path(name);
        let done = convert(plan, &dest, &self.limits, &())?;
        assert_eq!(
            done.rows_in,
            done.rows_out + done.rows_rejected + done.rows_left_out
        );
        assert_eq!(done.bytes_out, fs::metadata(&dest).unwrap().len());
        Ok((dest, done))
    }

    pub fn to(&self, path: &Path, to: Format, name: &str) -> Outcome<(PathBuf, Conversion)> {
        self.run(&self.plan(path, to)?, name)
    }

    pub fn to_with(
        &self,
        path: &Path,
        to: Format,
        name: &str,
        set: &[(&str, &str)],
    ) -> Outcome<(PathBuf, Conversion)> {
        self.run(&self.plan_with(path, to, set)?, name)
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

pub fn show(path: &Path) -> Preview {
    show_with(path, &[])
}

pub fn show_with(path: &Path, set: &[(&str, &str)]) -> Preview {
    let format = path
        .extension()
        .and_then(|e| Format::from_id(e.to_str().unwrap()));
    let mut source = Source::new(path);
    source.format = format;
    preview(
        &source,
        &Options::parse(set.iter().copied()).unwrap(),
        u64::MAX,
        0,
        &Limits::default(),
    )
    .unwrap()
}

/// Every value of a table, null apart from empty.
pub fn cells(path: &Path) -> Vec<Vec<Option<String>>> {
    show(path).rows
}

pub fn cells_with(path: &Path, set: &[(&str, &str)]) -> Vec<Vec<Option<String>>> {
    show_with(path, set).rows
}

pub fn names(path: &Path) -> Vec<String> {
    show(path).columns.into_iter().map(|c| c.name).collect()
}

pub fn types(profile: &TableProfile) -> Vec<&str> {
    profile
        .columns
        .iter()
        .map(|c| c.type_name.as_str())
        .collect()
}
