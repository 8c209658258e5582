//! Tables and queries through the real binary: what SQL may read, what it may never do,
//! and what is kept of its answers.

mod support;

use serde_json::json;
use support::{Home, KEY_A, KEY_B, PEOPLE, Ran, stored, text};

#[test]
fn tables_come_and_go_and_sql_knows_them() {
    let home = Home::new();
    let id = home
        .import(
            "aapl.us.txt",
            "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n\
             AAPL.US,D,20260102,000000,1.5,2.5,1.25,2,9007199254740993,0\n\
             AAPL.US,D,20260105,000000,2,3,2,2.75,10,0\n",
        )
        .to_string();
    assert_eq!(home.json(&["tables"])["tables"], json!([]));
    let added = home.json(&["tables", "add", &id]);
    let table = added["table"].clone();
    assert_eq!(table["table_name"], "aapl_us");
    assert_eq!(table["ticker"], "AAPL.US");
    assert_eq!(table["row_count"], 2);
    assert_eq!(table["columns"].as_array().unwrap().len(), 10);
    assert_eq!(table["missing"], false);
    assert_eq!(added["tables"], json!([table]));
    let taken = home.run(&["--json", "tables", "add", &id, "--name", "AAPL_US"]);
    assert_eq!(
        (taken.status, taken.error()["code"].as_str()),
        (1, Some("already_exists"))
    );
    assert_eq!(
        home.json(&["tables", "add", &id, "--name", "My prices"])["table"]["table_name"],
        "My prices"
    );
    let volume = home.json(&[
        "query",
        "SELECT \"<VOL>\" AS v FROM aapl_us ORDER BY 1 DESC",
    ]);
    assert_eq!(volume["columns"][0]["name"], "v");
    assert_eq!(volume["rows"], json!([["9007199254740993"], ["10"]]));
    let listed = home.json(&["tables"])["tables"].clone();
    assert!(listed[0]["last_accessed"].is_string(), "{listed}");

    // Its file gone, the table stays and says so.
    home.json(&["delete", &id]);
    let listed = home.json(&["tables"])["tables"].clone();
    assert!(
        listed
            .as_array()
            .unwrap()
            .iter()
            .all(|t| t["missing"] == true)
    );
    let ran = home.run(&["--json", "query", "FROM aapl_us"]);
    assert_eq!(
        (ran.status, ran.error()["code"].as_str()),
        (4, Some("not_found"))
    );
    assert!(home.run(&["tables"]).stdout.contains("missing"));
    home.json(&["tables", "drop", "aapl_us"]);
    assert_eq!(
        home.json(&["tables", "drop", "my PRICES"])["tables"],
        json!([])
    );
    assert_eq!(home.run(&["tables", "drop", "aapl_us"]).status, 4);
}

#[test]
fn a_query_reads_what_is_stored_and_nothing_else() {
    let home = Home::new();
    home.import("people.csv", PEOPLE);
    home.import("data/other.csv", "city,country\nRome,IT\nOslo,NO\n");
    let secret = home.file("secret.csv", "a\n1\n");
    let query = |sql: &str| home.run(&["--json", "query", sql]);
    let joined = query(
        "SELECT p.id, o.country FROM \"people.csv\" p JOIN \"other.csv\" o USING (city) ORDER BY 1",
    );
    assert_eq!(joined.status, 0, "{}", joined.stderr);
    let answer = joined.object();
    assert_eq!(
        answer["rows"],
        json!([["001", "IT"], ["002", "NO"], ["003", "IT"]])
    );
    assert_eq!(answer["count"], 3);
    let with = query("WITH t AS (SELECT 1 AS one) SELECT one + 1 AS two FROM t");
    assert_eq!(with.object()["rows"], json!([["2"]]), "{}", with.stderr);
    assert_eq!(
        query("SELECT * FROM range(5)").object()["count"],
        5,
        "functions that read nothing are there"
    );

    let path = secret.to_str().unwrap();
    let out = home.path().join("out.csv");
    for refused in [
        "DROP TABLE x".to_owned(),
        "SELECT 1; SELECT 2".to_owned(),
        "CREATE TABLE t AS SELECT 1".to_owned(),
        "INSERT INTO \"people.csv\" VALUES (1, 2, 3)".to_owned(),
        "UPDATE \"people.csv\" SET id = 1".to_owned(),
        "DELETE FROM \"people.csv\"".to_owned(),
        format!("COPY (SELECT 1) TO '{}'", out.display()),
        format!("ATTACH '{}' AS x", home.path().join("x.db").display()),
        "INSTALL httpfs".to_owned(),
        "LOAD httpfs".to_owned(),
        "PRAGMA database_list".to_owned(),
        "SET memory_limit = '1TB'".to_owned(),
        "CALL pragma_version()".to_owned(),
        "EXPLAIN SELECT 1".to_owned(),
        format!("SELECT * FROM read_csv('{path}')"),
        format!("SELECT * FROM read_text('{path}')"),
        format!("SELECT * FROM '{path}'"),
        format!("SELECT * FROM glob('{}/*')", home.path().display()),
        "SELECT * FROM duckdb_settings()".to_owned(),
        "SELECT getenv('HOME')".to_owned(),
        "SELECT * FROM nothing_of_ours".to_owned(),
        "SELECT nothing FROM \"people.csv\"".to_owned(),
        "SELEC".to_owned(),
        String::new(),
        "/* nothing */".to_owned(),
    ] {
        let ran = query(&refused);
        assert_ne!(ran.status, 0, "{refused}: {}", ran.stdout);
        let error = ran.error();
        let said = error.to_string();
        assert!(
            !said.contains(home.path().to_str().unwrap()),
            "{refused}: {said}"
        );
        assert_eq!(error["code"], "bad_request", "{refused}: {said}");
    }
    assert!(!out.exists() && !home.path().join("x.db").exists());
    assert_eq!(home.json(&["files"])["total"], 2);
    assert_eq!(home.json(&["verify"])["verify"]["ok"], 2);

    // Another key sees nothing of it.
    let other = Ran::of(
        home.with_key(KEY_B)
            .args(["--json", "query", "FROM \"people.csv\""]),
    );
    assert_eq!(other.error()["code"], "bad_request");
    let shown = home.run(&["query", "SELECT id, NULL AS n FROM \"people.csv\" LIMIT 1"]);
    assert!(
        shown.stdout.contains("001  NULL") && shown.stdout.contains("1 row"),
        "{}",
        shown.stdout
    );
    let piped = Ran::with_input(
        home.with_key(KEY_A).args(["--json", "query", "-"]),
        "SELECT 42 AS n\n",
    );
    assert_eq!(piped.object()["rows"], json!([["42"]]));
    assert_eq!(
        home.json(&["query", "SELECT * FROM range(100)", "--limit", "7"])["count"],
        7
    );
}

#[test]
fn a_querys_whole_result_becomes_a_file() {
    let home = Home::new();
    home.import("people.csv", PEOPLE);
    let sql = "SELECT city, count(*) AS n FROM \"people.csv\" GROUP BY city ORDER BY city";
    let kept = home.json(&["query", sql, "--to", "csv", "--name", "cities"])["conversion"].clone();
    assert_eq!(kept["kind"], "query");
    assert_eq!(kept["output_name"], "cities.csv");
    assert_eq!(kept["certificate"]["verdict"], "proved");
    assert_eq!(
        stored(&home, &kept["output_id"]),
        "city,n\nOslo,1\nRome,2\n"
    );
    assert_eq!(home.json(&["history"])["conversions"][0]["id"], kept["id"]);
    assert!(
        kept["command"]
            .as_str()
            .unwrap()
            .starts_with("redline query 'SELECT city"),
        "{kept}"
    );
    let again = home.json(&["history", "rerun", &text(&kept["id"])])["conversion"].clone();
    assert_eq!(
        stored(&home, &again["output_id"]),
        "city,n\nOslo,1\nRome,2\n"
    );

    let out = home.path().join("cities.parquet");
    let files = home.json(&["files"])["total"].clone();
    let told = home.json(&["query", sql, "--out", out.to_str().unwrap()])["conversion"].clone();
    assert_eq!(
        (&told["rows_out"], &told["to"]),
        (&json!(2), &json!("parquet"))
    );
    assert!(out.exists());
    assert_eq!(
        home.json(&["files"])["total"],
        files,
        "the store is as it was"
    );
    let ran = home.run(&["--json", "query", sql, "--out", out.to_str().unwrap()]);
    assert_eq!(ran.error()["code"], "already_exists");
}
