//! Columns on their way to delimited text, which has one type: every value leaves as its
//! exact text, and that text is what is proved.

use arrow::datatypes::DataType;

use super::{Carrier, Column, Said, Step};
use crate::profile::TableProfile;
use crate::sql::grouped;
use crate::types;

pub(super) fn carrier(column: &Column<'_>, typed: bool, said: &mut Said) -> Carrier {
    let field = column.field;
    if types::is_nested(field.data_type()) {
        let detail = format!("{} becomes JSON text.", types::name(field));
        said.loss(field, "type", detail, column.values());
    }
    if *field.data_type() == DataType::Binary {
        said.notes.push(format!(
            "The bytes of {:?} are written as text, with \\xNN where needed.",
            field.name()
        ));
    }
    let printed = typed && !types::is_nested(field.data_type());
    let mut carrier = if printed {
        Carrier::same(field)
    } else {
        Carrier::text(field)
    };
    if carrier.step == Step::Text && !types::is_nested(field.data_type()) {
        carrier.step = Step::Formed;
    }
    carrier.shown("text")
}

pub(super) fn notes(columns: &[Column<'_>], table: &TableProfile, said: &mut Said) {
    let counted = table.text.is_some();
    let nulls: u64 = table.columns.iter().map(|c| c.nulls).sum();
    let empties: u64 = table.columns.iter().map(|c| c.empties).sum();
    if counted && nulls > 0 && empties > 0 {
        said.notes.push(format!(
            "{} empty texts are written as \"\" and {} nulls as nothing; some programs read both alike.",
            grouped(empties),
            grouped(nulls)
        ));
    } else if !counted
        && columns
            .iter()
            .any(|c| *c.field.data_type() == DataType::Utf8)
    {
        said.notes.push(
            "Empty texts are written as \"\" and nulls as nothing; some programs read both alike."
                .to_owned(),
        );
    }
    if columns.len() == 1 && nulls > 0 {
        said.notes.push(format!(
            "{} rows hold only a null and become empty lines, which some programs skip.",
            grouped(nulls)
        ));
    }
}
