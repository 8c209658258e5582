//! How a column of each DuckDB type is asked for, so that the engine's own way to Arrow
//! changes nothing: what it would round, shift or drop is made text first, in SQL.

use arrow::datatypes::{DataType, TimeUnit};

use crate::sql;

/// A type as DuckDB writes it, taken apart as far as that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// Handed on as it is, as this Arrow type.
    Plain(DataType),
    /// A day or a moment, which may be infinite.
    Moment(DataType),
    /// Up to 39 digits.
    Huge,
    /// Has an exact text, and no Arrow type.
    Text,
    Union,
    List(Box<Shape>),
    Struct(Vec<(String, Shape)>),
    Map(Box<Shape>, Box<Shape>),
}

/// What the data says about a column, where its type alone does not settle the matter.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts {
    /// There are days or moments that are infinite.
    pub infinite: bool,
    /// All integers have 38 digits at most.
    pub fits_decimal: bool,
}

impl Shape {
    pub(super) fn of(word: &str) -> Shape {
        let word = word.trim();
        let stamp = |unit| Shape::Moment(DataType::Timestamp(unit, None));
        let plain = |data_type| Shape::Plain(data_type);
        match word {
            "BOOLEAN" => return plain(DataType::Boolean),
            "TINYINT" => return plain(DataType::Int8),
            "SMALLINT" => return plain(DataType::Int16),
            "INTEGER" => return plain(DataType::Int32),
            "BIGINT" => return plain(DataType::Int64),
            "UTINYINT" => return plain(DataType::UInt8),
            "USMALLINT" => return plain(DataType::UInt16),
            "UINTEGER" => return plain(DataType::UInt32),
            "UBIGINT" => return plain(DataType::UInt64),
            "FLOAT" => return plain(DataType::Float32),
            "DOUBLE" => return plain(DataType::Float64),
            "VARCHAR" => return plain(DataType::Utf8),
            "BLOB" => return plain(DataType::Binary),
            "TIME" => return plain(DataType::Time64(TimeUnit::Microsecond)),
            "DATE" => return Shape::Moment(DataType::Date32),
            "TIMESTAMP" => return stamp(TimeUnit::Microsecond),
            "TIMESTAMP_S" => return stamp(TimeUnit::Second),
            "TIMESTAMP_MS" => return stamp(TimeUnit::Millisecond),
            "TIMESTAMP_NS" => return stamp(TimeUnit::Nanosecond),
            "TIMESTAMP WITH TIME ZONE" => {
                return Shape::Moment(DataType::Timestamp(
                    TimeUnit::Microsecond,
                    Some("UTC".into()),
                ));
            }
            "HUGEINT" | "UHUGEINT" => return Shape::Huge,
            _ => {}
        }
        if let Some(inner) = word.strip_suffix(']') {
            // `T[]` and `T[3]`, the innermost last.
            if let Some((item, _)) = inner.rsplit_once('[') {
                return Shape::List(Box::new(Shape::of(item)));
            }
        }
        let inside = |name: &str| {
            word.strip_prefix(name)?
                .strip_prefix('(')?
                .strip_suffix(')')
        };
        if let Some(numbers) = inside("DECIMAL") {
            let (p, s) = numbers.split_once(',').unwrap_or((numbers, "0"));
            return match (p.trim().parse(), s.trim().parse()) {
                (Ok(p), Ok(s)) => plain(DataType::Decimal128(p, s)),
                _ => Shape::Text,
            };
        }
        if let Some(members) = inside("STRUCT") {
            let members: Option<Vec<_>> = split(members).into_iter().map(named).collect();
            return members.map_or(Shape::Text, Shape::Struct);
        }
        if let Some(pair) = inside("MAP") {
            return match &split(pair)[..] {
                [key, value] => Shape::Map(Box::new(Shape::of(key)), Box::new(Shape::of(value))),
                _ => Shape::Text,
            };
        }
        if inside("UNION").is_some() {
            return Shape::Union;
        }
        Shape::Text
    }

    fn any(&self, test: &dyn Fn(&Shape) -> bool) -> bool {
        test(self)
            || match self {
                Shape::List(item) => item.any(test),
                Shape::Struct(members) => members.iter().any(|(_, s)| s.any(test)),
                Shape::Map(key, value) => key.any(test) || value.any(test),
                _ => false,
            }
    }

    /// Whether the data has to be asked if there are infinite moments.
    pub(super) fn may_be_infinite(&self) -> bool {
        self.any(&|s| matches!(s, Shape::Moment(_)))
    }

    pub(super) fn is_nested(&self) -> bool {
        matches!(self, Shape::List(_) | Shape::Struct(_) | Shape::Map(..))
    }

    /// The SQL that asks for the column `name` of type `word`, and what a text so made is
    /// the text of: none where the values come as themselves.
    pub(super) fn ask(&self, name: &str, word: &str, facts: Facts) -> (String, Option<String>) {
        let column = sql::name(name);
        let as_text = || format!("CAST({column} AS VARCHAR)");
        match self {
            Shape::Plain(_) => (column, None),
            Shape::Moment(_) if facts.infinite => (as_text(), None),
            Shape::Moment(_) => (column, None),
            Shape::Huge if facts.fits_decimal => (format!("CAST({column} AS DECIMAL(38,0))"), None),
            Shape::Huge | Shape::Text => (as_text(), Some(word.to_owned())),
            // Its text alone would not say which of its types a value is of.
            Shape::Union => (
                format!("CAST(to_json({column}) AS VARCHAR)"),
                Some(word.to_owned()),
            ),
            nested => {
                if nested.any(&|s| matches!(s, Shape::Union)) {
                    return (
                        format!("CAST(to_json({column}) AS VARCHAR)"),
                        Some(word.to_owned()),
                    );
                }
                match nested.rewritten(facts) {
                    target if target == word => (column, None),
                    target => (format!("CAST({column} AS {target})"), None),
                }
            }
        }
    }

    /// The type that the engine hands on without a change.
    fn rewritten(&self, facts: Facts) -> String {
        match self {
            Shape::Plain(data_type) | Shape::Moment(data_type)
                if !(facts.infinite && matches!(self, Shape::Moment(_))) =>
            {
                crate::types::name(&arrow::datatypes::Field::new("", data_type.clone(), true))
            }
            Shape::List(item) => format!("{}[]", item.rewritten(facts)),
            Shape::Struct(members) => {
                let members: Vec<String> = members
                    .iter()
                    .map(|(name, s)| format!("{} {}", sql::name(name), s.rewritten(facts)))
                    .collect();
                format!("STRUCT({})", members.join(", "))
            }
            Shape::Map(key, value) => {
                format!("MAP({}, {})", key.rewritten(facts), value.rewritten(facts))
            }
            _ => "VARCHAR".to_owned(),
        }
    }
}

/// At the commas that stand outside brackets and quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut from) = (0u32, None, 0);
    let mut parts = Vec::new();
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(text[from..i].trim());
                from = i + 1;
            }
            _ => {}
        }
    }
    parts.push(text[from..].trim());
    parts
}

/// `a INTEGER` or `"a b" INTEGER`.
fn named(member: &str) -> Option<(String, Shape)> {
    if let Some(rest) = member.strip_prefix('"') {
        let mut name = String::new();
        let mut chars = rest.char_indices().peekable();
        while let Some((i, c)) = chars.next() {
            if c != '"' {
                name.push(c);
            } else if chars.peek().is_some_and(|(_, c)| *c == '"') {
                chars.next();
                name.push('"');
            } else {
                return Some((name, Shape::of(&rest[i + 1..])));
            }
        }
        return None;
    }
    let (name, word) = member.split_once(' ')?;
    Some((name.to_owned(), Shape::of(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(word: &str) -> String {
        Shape::of(word).ask("c", word, Facts::default()).0
    }

    #[test]
    fn only_what_would_change_is_cast() {
        for word in [
            "INTEGER",
            "VARCHAR",
            "DECIMAL(18,3)",
            "DATE",
            "INTEGER[]",
            "STRUCT(\"a\" INTEGER, \"b c\" VARCHAR[])",
        ] {
            assert_eq!(ask(word), "\"c\"", "{word}");
        }
        assert_eq!(ask("UUID"), "CAST(\"c\" AS VARCHAR)");
        assert_eq!(ask("HUGEINT"), "CAST(\"c\" AS VARCHAR)");
        assert_eq!(ask("ENUM('a, b', 'c''d')"), "CAST(\"c\" AS VARCHAR)");
        assert_eq!(ask("INTEGER[3]"), "CAST(\"c\" AS INTEGER[])");
        assert_eq!(ask("UUID[][]"), "CAST(\"c\" AS VARCHAR[][])");
        assert_eq!(
            ask("STRUCT(\"x\"\"y\" HUGEINT, m MAP(VARCHAR, ENUM('a', 'b')))"),
            "CAST(\"c\" AS STRUCT(\"x\"\"y\" VARCHAR, \"m\" MAP(VARCHAR, VARCHAR)))"
        );
        assert_eq!(
            ask("UNION(n INTEGER, s VARCHAR)"),
            "CAST(to_json(\"c\") AS VARCHAR)"
        );
        let facts = Facts {
            infinite: true,
            fits_decimal: true,
        };
        assert_eq!(
            Shape::of("DATE").ask("c", "DATE", facts).0,
            "CAST(\"c\" AS VARCHAR)"
        );
        assert_eq!(
            Shape::of("DATE[]").ask("c", "DATE[]", facts).0,
            "CAST(\"c\" AS VARCHAR[])"
        );
        assert_eq!(
            Shape::of("HUGEINT").ask("c", "HUGEINT", facts).0,
            "CAST(\"c\" AS DECIMAL(38,0))"
        );
    }
}
