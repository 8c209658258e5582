//! Data tables: names for stored files, under which SQL and the preview know them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use redline_store::{FileId, NewTable, Status, StoreError, TableRecord};
use serde_json::json;

use crate::contract::{ColumnProfileView, DataTableView, Event, GridColumn, ProfileReport};
use crate::convert::views::is_numeric;
use crate::error::{Code, CoreError};
use crate::fsx::Durability;
use crate::kept::Kept;
use crate::progress::Watch;
use crate::session::Session;
use crate::text;

/// Characters of a name.
const LONGEST: usize = 120;
/// How often a table's last use is written down at most.
const USED_EVERY: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// When each table was last used, by uid. Beside the catalog, since looking at a table
/// must not change that.
type Used = BTreeMap<String, Timestamp>;

impl Session {
    /// All of them, by name.
    pub fn data_tables(&self) -> Result<Vec<DataTableView>, CoreError> {
        let used: Used = self.kept_uses().read();
        let tables = self.0.store.tables()?;
        Ok(tables.into_iter().map(|table| view(table, &used)).collect())
    }

    /// Registers a stored file as a table. Without a name it gets one from the file's.
    /// `options` say how the file is read (`table=` for a sheet).
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::AlreadyExists`], and whatever keeps the file from
    /// being read as a table.
    pub fn add_table(
        &self,
        file_id: i64,
        name: Option<&str>,
        options: &BTreeMap<String, String>,
        watch: &dyn Watch,
    ) -> Result<DataTableView, CoreError> {
        let file = self.0.store.get(FileId(file_id))?;
        let name = match name.map(str::trim).filter(|name| !name.is_empty()) {
            Some(name) => checked(name)?,
            None => self.free_name(&file.filename)?,
        };
        let profile = self.inspect(file_id, options, watch)?;
        let types: Vec<&str> = profile
            .columns
            .iter()
            .map(|column| column.type_name.as_str())
            .collect();
        let new = NewTable {
            table_name: name,
            ticker: ticker(&profile),
            format: profile.format.clone(),
            row_count: profile.rows,
            columns: profile.columns.iter().map(|c| c.name.clone()).collect(),
            file: file.id,
            metadata: json!({ "types": types, "options": options }),
        };
        let table = self.0.store.add_table(&new).map_err(|error| match error {
            StoreError::DestExists { name } => CoreError::new(
                Code::AlreadyExists,
                format!("There is a data table \"{name}\" already."),
                "Choose another name, or drop that table first; its file stays.",
            ),
            other => other.into(),
        })?;
        self.tell(Event::History);
        Ok(view(table, &Used::new()))
    }

    /// Takes a table's name away; its file stays.
    ///
    /// # Errors
    /// [`Code::NotFound`]
    pub fn drop_table(&self, name: &str) -> Result<DataTableView, CoreError> {
        let table = self.0.store.drop_table(name).map_err(no_table)?;
        self.tell(Event::History);
        Ok(view(table, &Used::new()))
    }

    /// The table of this name, in any case.
    pub(crate) fn table(&self, name: &str) -> Result<TableRecord, CoreError> {
        self.0.store.table(name).map_err(no_table)
    }

    /// Writes down that a table was used. Nobody is kept from using it by that.
    pub(crate) fn table_used(&self, table: &TableRecord) {
        let now = Timestamp::now();
        let recent = |used: &Used| {
            used.get(&table.uid)
                .is_some_and(|at| now.duration_since(*at) < USED_EVERY)
        };
        if recent(&self.kept_uses().read()) {
            return;
        }
        let written = self.kept_uses().update(|used: &mut Used| {
            used.insert(table.uid.clone(), now);
            Ok(())
        });
        if let Err(error) = written {
            tracing::debug!(%error, "the use of a table was not written down");
        }
    }

    fn kept_uses(&self) -> Kept {
        Kept::new(
            &self.settings_dir(),
            "tables-used.json",
            Durability::Whole,
            "when tables were used",
        )
    }

    /// `Q3 prices.csv` as `q3_prices`, with a number behind it where that is taken.
    fn free_name(&self, filename: &str) -> Result<String, CoreError> {
        let taken: Vec<String> = self
            .0
            .store
            .tables()?
            .into_iter()
            .map(|table| table.table_name.to_lowercase())
            .collect();
        let plain = plain_name(filename);
        let mut name = plain.clone();
        let mut n = 2;
        while taken.contains(&name) {
            name = format!("{plain}_{n}");
            n += 1;
        }
        Ok(name)
    }
}

fn plain_name(filename: &str) -> String {
    let (_, stem) = crate::convert::stem(filename);
    let mut name = String::new();
    for c in stem.to_lowercase().chars() {
        if c.is_alphanumeric() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name: String = name.trim_end_matches('_').chars().take(60).collect();
    match name.chars().next() {
        None => "table_1".to_owned(),
        Some(first) if first.is_numeric() => format!("t_{name}"),
        Some(_) => name,
    }
}

fn checked(name: &str) -> Result<String, CoreError> {
    if name.chars().count() > LONGEST || name.chars().any(char::is_control) {
        return Err(CoreError::bad_request(
            "That is no name for a data table.",
            format!("Use 1 to {LONGEST} characters on one line."),
        ));
    }
    Ok(name.to_owned())
}

/// The one instrument that the table is about: in Stooq's `<TICKER>`, or in a column
/// that is called ticker or symbol, where it holds one value and no other.
fn ticker(profile: &ProfileReport) -> Option<String> {
    let is_it = |column: &&ColumnProfileView| {
        let name = column.name.trim_matches(['<', '>']).to_lowercase();
        matches!(name.as_str(), "ticker" | "symbol")
    };
    let column = profile.columns.iter().find(is_it)?;
    let one = column.min.clone().filter(|min| !min.trim().is_empty())?;
    (profile.rows > 0
        && column.nulls == 0
        && column.empties == 0
        && column.max.as_ref() == Some(&one)
        && one.chars().count() <= 32)
        .then_some(one)
}

fn no_table(error: StoreError) -> CoreError {
    match error {
        StoreError::NotFound => CoreError::new(
            Code::NotFound,
            "There is no such data table in this store.",
            "The list of tables shows what there is.",
        ),
        other => other.into(),
    }
}

fn view(table: TableRecord, used: &Used) -> DataTableView {
    let types: Vec<String> = table
        .metadata
        .get("types")
        .and_then(|types| serde_json::from_value(types.clone()).ok())
        .unwrap_or_default();
    let columns = table
        .columns
        .into_iter()
        .enumerate()
        .map(|(i, name)| {
            let type_name = types.get(i).cloned().unwrap_or_default();
            GridColumn {
                name,
                numeric: is_numeric(&type_name),
                type_name,
            }
        })
        .collect();
    let last_accessed = used.get(&table.uid).copied().or(table.last_accessed);
    DataTableView {
        id: table.id,
        uid: table.uid,
        table_name: table.table_name,
        missing: table
            .file
            .as_ref()
            .is_none_or(|file| !matches!(file.status, Status::Stored | Status::CloudOnly)),
        file_id: table.file.as_ref().map(|file| file.id.0),
        file_name: table.file.map(|file| file.filename),
        ticker: table.ticker,
        format: table.format,
        row_count: table.row_count,
        columns,
        created_at: table.created_at.map(text::instant),
        last_accessed: last_accessed.map(text::instant),
        metadata: table.metadata,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::RejectsView;

    #[test]
    fn names_come_from_files() {
        for (file, name) in [
            ("Q3 prices.csv", "q3_prices"),
            ("aapl.us.txt", "aapl_us"),
            ("2026-01.csv.gz", "t_2026_01"),
            ("Zürich (alt).parquet", "zürich_alt"),
            ("---.csv", "table_1"),
        ] {
            assert_eq!(plain_name(file), name);
        }
    }

    fn profile(name: &str, min: &str, max: &str, nulls: u64) -> ProfileReport {
        ProfileReport {
            format: "csv".into(),
            compression: None,
            table: None,
            tables: Vec::new(),
            text: None,
            rows: 3,
            columns: vec![ColumnProfileView {
                name: name.into(),
                said: None,
                type_name: "VARCHAR".into(),
                evidence: String::new(),
                nulls,
                empties: 0,
                distinct: None,
                min: Some(min.into()),
                max: Some(max.into()),
                longest: None,
                examples: Vec::new(),
                histogram: Vec::new(),
            }],
            choices: Vec::new(),
            repairs: Vec::new(),
            rejects: RejectsView::default(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_ticker_is_one_value_in_a_column_that_is_called_so() {
        let of = |name, min, max, nulls| ticker(&profile(name, min, max, nulls));
        assert_eq!(
            of("<TICKER>", "AAPL.US", "AAPL.US", 0).as_deref(),
            Some("AAPL.US")
        );
        assert_eq!(of("Symbol", "MSFT", "MSFT", 0).as_deref(), Some("MSFT"));
        assert_eq!(of("ticker", "AAPL", "MSFT", 0), None);
        assert_eq!(of("ticker", "AAPL", "AAPL", 1), None);
        assert_eq!(of("name", "AAPL", "AAPL", 0), None);
        assert_eq!(of("ticker", " ", " ", 0), None);
    }
}
