//! SQL over a table's columns, which are called `c0`, `c1`, … here, and `t0`, `t1`, …
//! as text.

use crate::sql;

pub(crate) fn is_nested(sql_type: &str) -> bool {
    sql_type.ends_with(']')
        || ["STRUCT(", "MAP(", "UNION("]
            .iter()
            .any(|p| sql_type.starts_with(p))
}

/// The text of column `c` of this type: what the fingerprint is taken of.
pub(crate) fn text_of(c: &str, sql_type: &str) -> String {
    if is_nested(sql_type) {
        format!("CAST(to_json({c}) AS VARCHAR)")
    } else if sql_type == "VARCHAR" {
        c.to_owned()
    } else {
        format!("CAST({c} AS VARCHAR)")
    }
}

/// `SELECT items FROM (the text of every column as t0, t1, … and the columns themselves)`.
pub(crate) fn select_over_text(items: &[String], relation: &str, types: &[&str]) -> String {
    let texts: Vec<String> = types
        .iter()
        .enumerate()
        .map(|(i, t)| format!("{} AS t{i}", text_of(&format!("c{i}"), t)))
        .collect();
    let items: Vec<String> = items
        .iter()
        .enumerate()
        .map(|(i, item)| format!("{item} AS r{i}"))
        .collect();
    format!(
        "SELECT {} FROM (SELECT *, {} FROM {relation})",
        items.join(", "),
        texts.join(", ")
    )
}

/// `AS t(c0, c1, …)`: names of ours for columns by position.
pub(crate) fn positional(width: usize) -> String {
    let names: Vec<String> = (0..width).map(|i| format!("c{i}")).collect();
    format!("AS t({})", names.join(", "))
}

pub(crate) fn parquet_relation(path: &str) -> String {
    format!("read_parquet({path}, hive_partitioning = false, union_by_name = false)")
}

/// Quoted names for a statement's output.
pub(crate) fn named(expression: &str, name: &str) -> String {
    format!("{expression} AS {}", sql::name(name))
}
