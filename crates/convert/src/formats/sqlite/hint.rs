//! The types of a table that we wrote, in a comment inside its `CREATE TABLE`, which
//! SQLite keeps as it stands. A hint and no more: each value has to bear it out.

use arrow::datatypes::{DataType, Field, Schema};
use serde::{Deserialize, Serialize};

use crate::types;

const BEGIN: &str = "/* redline:columns ";
const END: &str = " */";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Hint {
    pub name: String,
    /// As Arrow writes the type.
    #[serde(rename = "type")]
    pub data_type: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub said: Option<String>,
    pub nullable: bool,
}

impl Hint {
    pub(super) fn field(&self) -> Option<Field> {
        let data_type: DataType = self.data_type.parse().ok().filter(super::holds)?;
        let field = Field::new(&self.name, data_type, self.nullable);
        Some(match &self.said {
            Some(said) => types::tagged(field, said),
            None => field,
        })
    }
}

/// The comment, for a schema whose types all [`super::holds`].
pub(super) fn comment(schema: &Schema) -> String {
    let hints: Vec<Hint> = schema
        .fields()
        .iter()
        .map(|field| Hint {
            name: field.name().clone(),
            data_type: field.data_type().to_string(),
            said: types::tag(field).map(str::to_owned),
            nullable: field.is_nullable(),
        })
        .collect();
    let json = serde_json::to_string(&hints).unwrap_or_default();
    // A name with `*/` in it must not end the comment; JSON reads `\/` as `/`.
    format!("{BEGIN}{}{END}", json.replace('/', "\\/"))
}

pub(super) fn find(sql: &str) -> Option<Vec<Hint>> {
    let (_, rest) = sql.rsplit_once(BEGIN)?;
    serde_json::from_str(rest.split_once(END)?.0).ok()
}
