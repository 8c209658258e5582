//! What a conversion was asked to do, in a form that the history keeps, so that it can
//! be done again and said as a line for a shell.

use std::collections::BTreeMap;

use redline_convert::Format;
use redline_store::FileRecord;
use serde::{Deserialize, Serialize};

use super::{check_options, format, names, quote};
use crate::contract::{ConversionRequest, ConversionSource, MergeBy};
use crate::error::{CoreError, THE_QUERY};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    #[default]
    Convert,
    Merge,
    Query,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Convert => "convert",
            Kind::Merge => "merge",
            Kind::Query => "query",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recipe {
    #[serde(default)]
    pub kind: Kind,
    pub to: Format,
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Stored files, with their names as they were.
    #[serde(default)]
    pub sources: Vec<ConversionSource>,
    /// Of a merge.
    #[serde(default)]
    pub by: MergeBy,
    /// Of a merge: old name, new name.
    #[serde(default)]
    pub map: Vec<(String, String)>,
    /// Of a query, with the name that its result was to have.
    #[serde(default)]
    pub sql: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
}

impl Recipe {
    fn new(kind: Kind, request: &ConversionRequest) -> Result<Self, CoreError> {
        let to = format(&request.to)?;
        check_options(&request.options)?;
        Ok(Self {
            kind,
            to,
            options: request.options.clone(),
            sources: Vec::new(),
            by: MergeBy::default(),
            map: Vec::new(),
            sql: None,
            name: None,
        })
    }

    pub(crate) fn convert(
        record: &FileRecord,
        request: &ConversionRequest,
    ) -> Result<Self, CoreError> {
        Ok(Self {
            sources: vec![source(record)],
            ..Self::new(Kind::Convert, request)?
        })
    }

    pub(crate) fn merge(
        records: &[FileRecord],
        request: &ConversionRequest,
        by: MergeBy,
        map: &[(String, String)],
    ) -> Result<Self, CoreError> {
        if records.len() < 2 {
            return Err(CoreError::bad_request(
                "A merge takes two files or more.",
                "Choose the files whose rows belong in one table.",
            ));
        }
        Ok(Self {
            sources: records.iter().map(source).collect(),
            by,
            map: map.to_vec(),
            ..Self::new(Kind::Merge, request)?
        })
    }

    pub(crate) fn query(
        sql: &str,
        name: Option<&str>,
        request: &ConversionRequest,
    ) -> Result<Self, CoreError> {
        Ok(Self {
            sql: Some(sql.trim().to_owned()),
            name: name.map(str::to_owned),
            ..Self::new(Kind::Query, request)?
        })
    }

    /// The ids of the files that it reads.
    pub(crate) fn ids(&self) -> Vec<i64> {
        self.sources.iter().filter_map(|source| source.id).collect()
    }

    /// The file, where there is exactly one.
    pub(crate) fn only(&self) -> Option<&ConversionSource> {
        match self.sources.as_slice() {
            [one] if self.kind == Kind::Convert => Some(one),
            _ => None,
        }
    }

    /// What is converted, for messages and lists: `q1.csv and 2 more`.
    pub(crate) fn subject(&self) -> String {
        match (self.kind, self.sources.as_slice()) {
            (Kind::Query, _) => THE_QUERY.to_owned(),
            (_, []) => String::new(),
            (_, [one]) => one.name.clone(),
            (_, [first, rest @ ..]) => format!("{} and {} more", first.name, rest.len()),
        }
    }

    pub(crate) fn title(&self) -> String {
        let to = self.to.label();
        match self.kind {
            Kind::Convert => format!("Converting \"{}\" to {to}", self.subject()),
            Kind::Merge => format!("Merging \"{}\" to {to}", self.subject()),
            Kind::Query => format!("Exporting a query to {to}"),
        }
    }

    /// Below the store's files: beside the source.
    pub(crate) fn output_name(&self, records: &[FileRecord]) -> String {
        let paths: Vec<&str> = records.iter().map(|r| r.relative_path.as_str()).collect();
        match (self.kind, paths.as_slice()) {
            (Kind::Query, _) => names::of_query(
                self.name.as_deref().unwrap_or_default(),
                self.to,
                &self.options,
            ),
            (Kind::Merge, paths) => names::of_merge(paths, self.to, &self.options),
            (Kind::Convert, [path, ..]) => match &self.name {
                Some(table) => names::of_table(path, table, self.to, &self.options),
                None => names::of_file(path, self.to, &self.options),
            },
            (Kind::Convert, []) => names::of_query("", self.to, &self.options),
        }
    }

    /// The same as a line for a shell; empty where the source was not a stored file.
    pub(crate) fn command(&self) -> String {
        let choices = quote::choices(self.to.id(), &self.options);
        match self.kind {
            Kind::Query => {
                let sql = quote::word(self.sql.as_deref().unwrap_or_default());
                let name = match self.name.as_deref().filter(|name| !name.is_empty()) {
                    Some(name) => format!(" --name {}", quote::word(name)),
                    None => String::new(),
                };
                format!("redline query {sql}{choices}{name}")
            }
            _ if self.ids().is_empty() => String::new(),
            Kind::Convert => format!("redline convert {}{choices}", self.ids()[0]),
            Kind::Merge => {
                let ids: Vec<String> = self.ids().iter().map(ToString::to_string).collect();
                let mut line = format!("redline merge {}{choices}", ids.join(" "));
                if self.by == MergeBy::Position {
                    line += " --by position";
                }
                for (old, new) in &self.map {
                    line += &format!(" --map {}", quote::word(&format!("{old}={new}")));
                }
                line
            }
        }
    }
}

fn source(record: &FileRecord) -> ConversionSource {
    ConversionSource {
        id: Some(record.id.0),
        name: record.filename.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, ids: &[i64]) -> Recipe {
        let mut recipe = Recipe::new(kind, &ConversionRequest::to("parquet")).unwrap();
        recipe.sources = ids
            .iter()
            .map(|id| ConversionSource {
                id: Some(*id),
                name: format!("{id}.csv"),
            })
            .collect();
        recipe
    }

    #[test]
    fn every_kind_has_its_line() {
        let mut convert = of(Kind::Convert, &[57]);
        assert_eq!(convert.command(), "redline convert 57 --to parquet");
        convert.options.insert("filter".into(), "a > 1".into());
        assert_eq!(
            convert.command(),
            "redline convert 57 --to parquet --set 'filter=a > 1'"
        );
        let mut merge = of(Kind::Merge, &[1, 2, 3]);
        merge.by = MergeBy::Position;
        merge.map = vec![("old name".into(), "new".into())];
        assert_eq!(
            merge.command(),
            "redline merge 1 2 3 --to parquet --by position --map 'old name=new'"
        );
        assert_eq!(merge.subject(), "1.csv and 2 more");
        let mut query = of(Kind::Query, &[]);
        query.sql = Some("SELECT 'x'".into());
        query.name = Some("best".into());
        assert_eq!(
            query.command(),
            "redline query 'SELECT '\\''x'\\''' --to parquet --name best"
        );
        assert_eq!(of(Kind::Convert, &[]).command(), "");
    }

    #[test]
    fn a_recipe_of_an_older_version_is_read() {
        let old: Recipe = serde_json::from_str(r#"{"to":"csv"}"#).unwrap();
        assert_eq!((old.kind, old.by), (Kind::Convert, MergeBy::Name));
    }
}
