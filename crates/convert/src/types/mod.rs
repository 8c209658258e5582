//! What the values of a table are: the names of types in SQL's words, and the one exact
//! text of a value. Arrow's types carry most; what Arrow lacks travels as text, with the
//! source's own word for it in the field's metadata. Never converts in a way that cannot
//! be checked.

mod plain;
mod text;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};

pub(crate) use plain::{arrow_error, conform, plain, to_plain};
pub(crate) use text::{Text, text_of, to_text, write_f32, write_f64};

/// Of a field: the source's type, in SQL's words, where Arrow has none for it.
pub(crate) const TYPE_KEY: &str = "redline:type";

/// The field with a word for what its text or bytes are: `HUGEINT`, `UUID`, `INTERVAL`,
/// `JSON`, `ENUM('a', 'b')`, `TIME WITH TIME ZONE`.
pub(crate) fn tagged(field: Field, word: &str) -> Field {
    let mut metadata = field.metadata().clone();
    metadata.insert(TYPE_KEY.to_owned(), word.to_owned());
    field.with_metadata(metadata)
}

pub(crate) fn tag(field: &Field) -> Option<&str> {
    field.metadata().get(TYPE_KEY).map(String::as_str)
}

/// The type in SQL's words; the source's own, where the field has it.
pub(crate) fn name(field: &Field) -> String {
    match tag(field) {
        Some(word) => word.to_owned(),
        None => data_type_name(field.data_type()),
    }
}

fn data_type_name(data_type: &DataType) -> String {
    let plain = match data_type {
        DataType::Null => "NULL",
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 => "TINYINT",
        DataType::Int16 => "SMALLINT",
        DataType::Int32 => "INTEGER",
        DataType::Int64 => "BIGINT",
        DataType::UInt8 => "UTINYINT",
        DataType::UInt16 => "USMALLINT",
        DataType::UInt32 => "UINTEGER",
        DataType::UInt64 => "UBIGINT",
        DataType::Float16 | DataType::Float32 => "FLOAT",
        DataType::Float64 => "DOUBLE",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR",
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "BLOB",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time64(TimeUnit::Nanosecond) => "TIME_NS",
        DataType::Time32(_) | DataType::Time64(_) => "TIME",
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE",
        DataType::Timestamp(TimeUnit::Second, None) => "TIMESTAMP_S",
        DataType::Timestamp(TimeUnit::Millisecond, None) => "TIMESTAMP_MS",
        DataType::Timestamp(TimeUnit::Microsecond, None) => "TIMESTAMP",
        DataType::Timestamp(TimeUnit::Nanosecond, None) => "TIMESTAMP_NS",
        DataType::Duration(_) => "DURATION",
        DataType::Interval(_) => "INTERVAL",
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => return format!("DECIMAL({p},{s})"),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => return format!("{}[]", name(item)),
        DataType::Struct(fields) => return format!("STRUCT({})", members(fields)),
        DataType::Map(entries, _) => {
            return match entries.data_type() {
                DataType::Struct(pair) if pair.len() == 2 => {
                    format!("MAP({}, {})", name(&pair[0]), name(&pair[1]))
                }
                _ => "MAP".to_owned(),
            };
        }
        DataType::Union(_, _) => "UNION",
        DataType::Dictionary(_, values) => return data_type_name(values),
        DataType::RunEndEncoded(_, values) => return name(values),
    };
    plain.to_owned()
}

fn members(fields: &Fields) -> String {
    let member = |f: &FieldRef| {
        let simple = !f.name().is_empty()
            && f.name()
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !f.name().starts_with(|c: char| c.is_ascii_digit());
        let shown = if simple {
            f.name().clone()
        } else {
            crate::sql::name(f.name())
        };
        format!("{shown} {}", name(f))
    };
    fields.iter().map(member).collect::<Vec<_>>().join(", ")
}

/// The field of this name whose type `word` means, without regard to case; none for a
/// word that is no scalar type of [`name`]'s.
#[cfg(test)]
pub(crate) fn field_of(column: &str, word: &str) -> Option<Field> {
    let word = word.trim().to_ascii_uppercase();
    let data_type = match word.as_str() {
        "BOOLEAN" | "BOOL" => DataType::Boolean,
        "TINYINT" => DataType::Int8,
        "SMALLINT" => DataType::Int16,
        "INTEGER" | "INT" => DataType::Int32,
        "BIGINT" => DataType::Int64,
        "UTINYINT" => DataType::UInt8,
        "USMALLINT" => DataType::UInt16,
        "UINTEGER" => DataType::UInt32,
        "UBIGINT" => DataType::UInt64,
        "FLOAT" | "REAL" => DataType::Float32,
        "DOUBLE" => DataType::Float64,
        "VARCHAR" | "TEXT" | "STRING" => DataType::Utf8,
        "BLOB" => DataType::Binary,
        "DATE" => DataType::Date32,
        "TIME" => DataType::Time64(TimeUnit::Microsecond),
        "TIME_NS" => DataType::Time64(TimeUnit::Nanosecond),
        "TIMESTAMP_S" => DataType::Timestamp(TimeUnit::Second, None),
        "TIMESTAMP_MS" => DataType::Timestamp(TimeUnit::Millisecond, None),
        "TIMESTAMP" | "DATETIME" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "TIMESTAMP_NS" => DataType::Timestamp(TimeUnit::Nanosecond, None),
        "TIMESTAMP WITH TIME ZONE" | "TIMESTAMPTZ" => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        "HUGEINT" | "UHUGEINT" | "UUID" | "INTERVAL" | "JSON" | "TIME WITH TIME ZONE" => {
            return Some(tagged(Field::new(column, DataType::Utf8, true), &word));
        }
        other => {
            let inside = other.strip_prefix("DECIMAL(")?.strip_suffix(')')?;
            let (p, s) = inside.split_once(',').unwrap_or((inside, "0"));
            let (p, s): (u8, i8) = (p.trim().parse().ok()?, s.trim().parse().ok()?);
            if p == 0 || s < 0 || s as u8 > p {
                return None;
            }
            match p {
                0..=38 => DataType::Decimal128(p, s),
                39..=76 => DataType::Decimal256(p, s),
                _ => return None,
            }
        }
    };
    Some(Field::new(column, data_type, true))
}

/// About how many bytes the values of a batch take, of a slice only its part.
pub(crate) fn batch_bytes(batch: &arrow::array::RecordBatch) -> usize {
    use arrow::array::Array;
    batch
        .columns()
        .iter()
        .map(|c| c.to_data().get_slice_memory_size().unwrap_or(0))
        .sum()
}

/// Lists, structs and maps.
pub(crate) fn is_nested(data_type: &DataType) -> bool {
    data_type.is_nested()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_types_are_each_others_names() {
        for word in [
            "BOOLEAN",
            "TINYINT",
            "UBIGINT",
            "FLOAT",
            "DOUBLE",
            "VARCHAR",
            "BLOB",
            "DATE",
            "TIME",
            "TIMESTAMP_S",
            "TIMESTAMP",
            "TIMESTAMP_NS",
            "TIMESTAMP WITH TIME ZONE",
            "DECIMAL(9,2)",
            "DECIMAL(76,0)",
            "HUGEINT",
            "UUID",
            "INTERVAL",
            "JSON",
        ] {
            assert_eq!(name(&field_of("c", word).unwrap()), word);
        }
        for no in [
            "",
            "DECIMAL",
            "DECIMAL(0,0)",
            "DECIMAL(3,4)",
            "DECIMAL(77,0)",
            "WORD",
        ] {
            assert!(field_of("c", no).is_none(), "{no}");
        }
    }

    #[test]
    fn nested_types_are_spelled_out() {
        let item = Field::new("item", DataType::Int32, true);
        let list = Field::new("a b", DataType::List(item.into()), true);
        let of = Field::new(
            "s",
            DataType::Struct(vec![list, Field::new("n", DataType::Utf8, true)].into()),
            true,
        );
        assert_eq!(name(&of), "STRUCT(\"a b\" INTEGER[], n VARCHAR)");
    }
}
