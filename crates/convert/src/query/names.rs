//! What a statement is and what it names, as the engine's own parser has it: as JSON,
//! gone through without recursion, since SQL may be nested deeper than a stack.

use std::collections::BTreeSet;

use duckdb::Connection;

use crate::error::{ConvertError, Result};

/// The tables that a SELECT names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryNames {
    /// These have to be there.
    pub needed: Vec<String>,
    /// The statement gives these names itself (WITH); one of them may still mean a table
    /// from outside.
    pub own: Vec<String>,
}

/// Functions that make rows out of nothing but what they are given.
const TABLE_FUNCTIONS: [&str; 7] = [
    "range",
    "generate_series",
    "unnest",
    "repeat",
    "repeat_row",
    "json_each",
    "json_tree",
];

/// Functions that tell of the machine, or leave something behind.
const REFUSED: [&str; 8] = [
    "current_setting",
    "current_query",
    "current_connection_id",
    "getenv",
    "getvariable",
    "write_log",
    "nextval",
    "currval",
];

/// # Errors
/// [`ConvertError::Query`]
pub(super) fn of(sql: &str) -> Result<QueryNames> {
    let parsed = parse(sql)?;
    let mut found = Found::default();
    let top = walk(&parsed, &mut found)?;
    if top.error {
        return Err(refused(match top.error_type.as_deref() {
            Some("parser") => top.message.unwrap_or_default(),
            _ => "it is not a SELECT".to_owned(),
        }));
    }
    match found.statements {
        0 => return Err(refused("there is no statement in it".to_owned())),
        1 => {}
        _ => return Err(refused("it is more than one statement".to_owned())),
    }
    if let Some(why) = found.refused {
        return Err(refused(why));
    }
    let given: BTreeSet<String> = found.given.iter().map(|n| n.to_lowercase()).collect();
    let (own, needed) = found
        .tables
        .into_iter()
        .partition(|name| given.contains(&name.to_lowercase()));
    Ok(QueryNames { needed, own })
}

fn refused(detail: String) -> ConvertError {
    ConvertError::Query { detail }
}

fn parse(sql: &str) -> Result<String> {
    if sql.contains('\0') {
        return Err(refused("it has a NUL in it".to_owned()));
    }
    let failed = |error: duckdb::Error| refused(super::run::first_line(&error.to_string()));
    let conn = Connection::open_in_memory().map_err(failed)?;
    conn.query_row("SELECT json_serialize_sql(?::VARCHAR)", [sql], |row| {
        row.get::<_, String>(0)
    })
    .map_err(failed)
}

#[derive(Default)]
struct Found {
    statements: usize,
    tables: BTreeSet<String>,
    /// Names that the statement gives itself.
    given: BTreeSet<String>,
    refused: Option<String>,
}

/// The members of one object that matter.
#[derive(Default)]
struct Node {
    /// Under which it stands in its parent.
    key: String,
    kind: Option<String>,
    class: Option<String>,
    table: Option<String>,
    schema: Option<String>,
    catalog: Option<String>,
    function: Option<String>,
    given: Option<String>,
    has_query: bool,
    error: bool,
    error_type: Option<String>,
    message: Option<String>,
}

/// Goes through the text once; answers the outermost object.
fn walk(json: &str, found: &mut Found) -> Result<Node> {
    let broken = || ConvertError::Engine {
        detail: "a parsed statement could not be read".to_owned(),
    };
    let bytes = json.as_bytes();
    let mut stack: Vec<Node> = Vec::new();
    // Depth of the lists that are open, to know the list of statements.
    let mut lists: Vec<String> = Vec::new();
    let mut key = String::new();
    let mut is_key = false;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' => {
                if stack.len() == 1 && lists.len() == 1 && lists[0] == "statements" {
                    found.statements += 1;
                }
                stack.push(Node {
                    key: std::mem::take(&mut key),
                    ..Node::default()
                });
                is_key = true;
                at += 1;
            }
            b'}' => {
                let node = stack.pop().ok_or_else(broken)?;
                judge(&node, found);
                match stack.last_mut() {
                    None => return Ok(node),
                    Some(parent) => {
                        match node.key.as_str() {
                            "function" => parent.function = node.function,
                            "query" => parent.has_query = true,
                            _ => {}
                        }
                        is_key = false;
                    }
                }
                key.clear();
                at += 1;
            }
            b'[' => {
                lists.push(std::mem::take(&mut key));
                is_key = false;
                at += 1;
            }
            b']' => {
                lists.pop();
                is_key = false;
                key.clear();
                at += 1;
            }
            b',' => {
                // In an object a key follows; in a list there are none to confuse it with.
                is_key = true;
                key.clear();
                at += 1;
            }
            b'"' => {
                let end = end_of_text(bytes, at).ok_or_else(broken)?;
                let raw = &json[at..end];
                at = end;
                let follows = bytes[at..].iter().find(|b| !b.is_ascii_whitespace());
                if is_key && follows == Some(&b':') {
                    key = serde_json::from_str(raw).map_err(|_| broken())?;
                    is_key = false;
                } else if let Some(node) = stack.last_mut() {
                    node.take(&std::mem::take(&mut key), || {
                        serde_json::from_str(raw).unwrap_or_default()
                    });
                }
            }
            b't' if key == "error" && stack.len() == 1 => {
                if let Some(node) = stack.last_mut() {
                    node.error = true;
                }
                key.clear();
                at += 1;
            }
            _ => at += 1,
        }
    }
    Err(broken())
}

/// Behind the quote that closes the text which begins at `start`.
fn end_of_text(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

impl Node {
    fn take(&mut self, key: &str, text: impl FnOnce() -> String) {
        match key {
            "type" => self.kind = Some(text()),
            "class" => self.class = Some(text()),
            "table_name" => self.table = Some(text()),
            "schema_name" => self.schema = Some(text()),
            "catalog_name" => self.catalog = Some(text()),
            "function_name" => self.function = Some(text()),
            "key" => self.given = Some(text()),
            "error_type" => self.error_type = Some(text()),
            "error_message" => self.message = Some(text()),
            _ => {}
        }
    }
}

fn judge(node: &Node, found: &mut Found) {
    if let Some(name) = &node.given {
        found.given.insert(name.clone());
    }
    let mut refuse = |why: String| {
        found.refused.get_or_insert(why);
    };
    match node.kind.as_deref() {
        Some("BASE_TABLE") => {
            let name = node.table.clone().unwrap_or_default();
            let schema = node.schema.as_deref().unwrap_or_default();
            let catalog = node.catalog.as_deref().unwrap_or_default();
            if (schema.is_empty() || schema == "main") && catalog.is_empty() {
                found.tables.insert(name);
                return;
            }
            let parts: Vec<&str> = [catalog, schema, name.as_str()]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect();
            let whole = parts.join(".");
            refuse(format!(
                "\"{whole}\" means a table in another database; a name with a dot stands in double quotes, as in FROM \"{whole}\""
            ));
        }
        Some("TABLE_FUNCTION") => {
            let function = node.function.clone().unwrap_or_default().to_lowercase();
            if !TABLE_FUNCTIONS.contains(&function.as_str()) {
                refuse(format!("{function}() reads what no query may"));
            }
        }
        // DESCRIBE and SUMMARIZE of a query; not the lists of what the engine has.
        Some("SHOW_REF") if !node.has_query => {
            refuse("there is nothing to show here".to_owned());
        }
        _ => {}
    }
    if node.class.as_deref() == Some("FUNCTION")
        && let Some(function) = &node.function
        && REFUSED.contains(&function.to_lowercase().as_str())
    {
        refuse(format!("{function}() tells of what no query may know"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(sql: &str) -> Vec<String> {
        of(sql).unwrap_or_else(|e| panic!("{sql}: {e}")).needed
    }

    #[test]
    fn tables_are_found_wherever_they_stand() {
        assert_eq!(needed("SELECT 1"), Vec::<String>::new());
        assert_eq!(needed("FROM \"q3.csv\""), ["q3.csv"]);
        assert_eq!(needed("FROM 'q3.csv'"), ["q3.csv"]);
        assert_eq!(needed("TABLE main.x;"), ["x"]);
        assert_eq!(
            needed(
                "SELECT (SELECT max(a) FROM y), b FROM x JOIN z USING (c) \
                 WHERE d IN (FROM w) UNION ALL FROM v ORDER BY 1 -- , u"
            ),
            ["v", "w", "x", "y", "z"]
        );
        assert_eq!(needed("SUMMARIZE x"), ["x"]);
        assert_eq!(
            needed("SELECT * FROM range(3), unnest([1, 2])"),
            Vec::<String>::new()
        );
        let with = of("WITH t AS (FROM t) SELECT * FROM t, u").unwrap();
        assert_eq!(
            (with.needed, with.own),
            (vec!["u".to_owned()], vec!["t".to_owned()])
        );
        // Names and texts that look like what the walk looks for.
        assert_eq!(
            needed(
                "SELECT '\"type\":\"BASE_TABLE\",\"table_name\":\"no\"}' AS \"}\" FROM \"a\"\"b\\c\""
            ),
            ["a\"b\\c"]
        );
    }

    #[test]
    fn anything_but_one_select_is_refused() {
        for sql in [
            "",
            "/* x */",
            ";",
            "SELECT 1; SELECT 2",
            "SELEC",
            "DROP TABLE x",
            "CREATE TABLE x AS SELECT 1",
            "INSERT INTO x VALUES (1)",
            "UPDATE x SET a = 1",
            "DELETE FROM x",
            "COPY (SELECT 1) TO 'x'",
            "ATTACH 'x'",
            "INSTALL x",
            "LOAD x",
            "SET a = 1",
            "PRAGMA version",
            "CALL pragma_version()",
            "EXPLAIN SELECT 1",
            "SHOW TABLES",
            "SHOW ALL TABLES",
            "SELECT * FROM read_csv('x')",
            "SELECT * FROM query('SELECT 1')",
            "SELECT * FROM duckdb_settings()",
            "SELECT * FROM information_schema.tables",
            "SELECT * FROM x WHERE a = getenv('HOME')",
            "SELECT current_setting('temp_directory')",
            "SELECT current_query()",
            "SELECT a\0 FROM x",
        ] {
            let error = of(sql).expect_err(sql);
            assert!(
                matches!(error, ConvertError::Query { .. }),
                "{sql}: {error}"
            );
        }
        let dotted = of("FROM q3.csv").unwrap_err().to_string();
        assert!(dotted.contains("\"q3.csv\""), "{dotted}");
    }

    #[test]
    fn depth_is_no_way_to_a_crash() {
        let deep = format!("SELECT {}", vec!["'a'"; 900].join(" || "));
        assert_eq!(needed(&deep), Vec::<String>::new());
        let nested = format!("SELECT {}1{}", "(".repeat(200), ")".repeat(200));
        assert_eq!(needed(&nested), Vec::<String>::new());
    }
}
