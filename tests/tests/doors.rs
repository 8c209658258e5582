//! What a store's catalog holds or lacks, as each door tells it: core (which the window
//! shows word for word), the command line, the REST API.

mod survival_support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use redline_core::{FrontEnd, Options, Redline, Session};
use serde_json::{Value, json};
use survival_support::*;

fn core(machine: &Machine) -> (Redline, Session) {
    let redline = Redline::open(Options {
        data_dir: Some(machine.data.clone()),
        config_dir: Some(machine.dir.path().join("config")),
        front_end: FrontEnd::Window,
        env_key: Some(KEY.to_owned()),
        aws_files: None,
    })
    .unwrap();
    let session = redline.session_for(None).unwrap();
    (redline, session)
}

/// `redline serve`, ended with the test.
struct Api {
    child: Child,
    address: String,
}

impl Api {
    fn start(machine: &Machine) -> Self {
        use std::io::BufRead;
        let mut child = machine
            .command(&["serve", "--port", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let address = said["address"].as_str().unwrap();
        Self {
            address: address.trim_start_matches("http://").to_owned(),
            child,
        }
    }

    /// The status and the JSON of an answer.
    fn get(&self, path: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {}\r\nX-License-Key: {KEY}\r\nConnection: close\r\n\r\n",
            self.address
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let at = body.find('{').unwrap_or_default();
        let end = body.rfind('}').map_or(body.len(), |end| end + 1);
        (status, serde_json::from_str(&body[at..end]).unwrap())
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        kill(self.child.id());
        let _ = self.child.wait();
    }
}

#[test]
fn the_predecessors_tables_are_listed_through_every_door() {
    let machine = Machine::new();
    let home = machine.home();
    std::fs::create_dir_all(home.join("files")).unwrap();
    {
        let old = duckdb::Connection::open(home.join("user_data.duckdb")).unwrap();
        old.execute_batch(
            "CREATE TABLE user_data_tables (id INTEGER PRIMARY KEY, table_name VARCHAR UNIQUE NOT NULL, ticker VARCHAR,
                 format VARCHAR, row_count INTEGER, columns TEXT[], created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
                 last_accessed TIMESTAMP, metadata JSON);
             INSERT INTO user_data_tables VALUES
                 (5, 'msft_daily', 'MSFT', 'stooq', 12345, ['date', 'close, adjusted'], '2024-03-02 00:00:00', NULL, '{\"k\":1}'),
                 (2, 'aapl', NULL, NULL, NULL, NULL, NULL, NULL, NULL);",
        )
        .unwrap();
    }
    let listed = machine.json(&["tables"])["tables"].clone();
    assert_eq!(listed[0]["table_name"], "aapl");
    let mut row = listed[1].clone();
    assert_eq!(row["uid"].as_str().unwrap().len(), 26);
    assert!(row["created_at"].as_str().unwrap().ends_with('Z'));
    row["uid"] = Value::Null;
    row["created_at"] = Value::Null;
    assert_eq!(
        row,
        json!({
            "id": 5, "uid": null, "table_name": "msft_daily", "ticker": "MSFT", "format": "stooq",
            "row_count": 12345, "created_at": null, "last_accessed": null, "metadata": { "k": 1 },
            "columns": [
                { "name": "date", "type_name": "", "numeric": false },
                { "name": "close, adjusted", "type_name": "", "numeric": false },
            ],
            // It came without a file.
            "file_id": null, "file_name": null, "missing": true,
        })
    );
    let text = String::from_utf8(machine.text(&["tables"]).stdout).unwrap();
    assert!(
        text.contains("msft_daily  MSFT    stooq   12,345        2"),
        "{text}"
    );
    let api = Api::start(&machine);
    let (status, answer) = api.get("/user-data/tables");
    assert_eq!(
        (status, &answer),
        (200, &json!({ "success": true, "tables": listed }))
    );
    drop(api);
    let (redline, session) = core(&machine);
    assert_eq!(
        serde_json::to_value(session.data_tables().unwrap()).unwrap(),
        listed
    );
    redline.release();
}

/// Of a history that is long enough to lie in blocks of its own, one byte.
fn damage_the_history(machine: &Machine) {
    let source = machine.sources("in", [("a.csv", b"a\n1\n".to_vec())]);
    let said = machine.import(&source.join("a.csv"));
    assert_eq!(said.code(), 0, "{}", said.stderr);
    let catalog = machine.home().join("user_data.duckdb");
    let block: i64 = {
        let conn = duckdb::Connection::open(&catalog).unwrap();
        for n in 0..60 {
            let entry: String = noise(n, 20_000)
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            conn.execute(
                "INSERT INTO converted_files (output_format, output_filename, metadata, uid) \
                 VALUES ('parquet', 'a.parquet', json_object('note', ?), ?)",
                duckdb::params![entry, format!("uid{n}")],
            )
            .unwrap();
        }
        conn.execute_batch("CHECKPOINT").unwrap();
        conn.query_row(
            "SELECT block FROM ( \
                 SELECT column_name = 'metadata' AS its, unnest(list_append(additional_block_ids, block_id)) AS block \
                 FROM pragma_storage_info('converted_files') \
                 UNION ALL SELECT false, unnest(list_append(additional_block_ids, block_id)) \
                 FROM pragma_storage_info('user_files') \
                 UNION ALL SELECT false, unnest(list_append(additional_block_ids, block_id)) \
                 FROM pragma_storage_info('redline_meta')) \
             WHERE block >= 0 GROUP BY block HAVING bool_and(its) ORDER BY block LIMIT 1",
            [],
            |r| r.get(0),
        )
        .unwrap()
    };
    let mut bytes = std::fs::read(&catalog).unwrap();
    // Three headers of 4 KiB, then blocks of 256.
    bytes[3 * 4096 + block as usize * 262_144 + 5000] ^= 1;
    std::fs::write(&catalog, bytes).unwrap();
}

#[test]
fn a_damaged_part_of_the_catalog_is_told_in_the_same_words_through_every_door() {
    let machine = Machine::new();
    damage_the_history(&machine);
    const MESSAGE: &str =
        "The catalog of the store is damaged: what it takes to read the history cannot be read.";
    let said = machine.run(&["history"]);
    assert_eq!(said.code(), 1);
    let error = said.error();
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!("damaged"), &json!(MESSAGE))
    );
    let hint = error["hint"].as_str().unwrap();
    assert!(
        hint.starts_with("Nothing was deleted") && hint.contains("redline doctor"),
        "{hint}"
    );
    // All else goes on.
    assert_eq!(machine.files().len(), 1);
    verify_is_clean(&machine, 1, "with a damaged history");
    let checks = machine.json(&["doctor"])["checks"].clone();
    let catalog = checks
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["name"] == "Catalog");
    assert_eq!(
        catalog.unwrap()["detail"],
        "Damaged: the history cannot be read as a whole."
    );
    let api = Api::start(&machine);
    for _ in 0..2 {
        let (status, answer) = api.get("/user-data/history");
        assert_eq!(
            (status, &answer["error"], &answer["code"]),
            (500, &error["message"], &error["code"])
        );
        assert_eq!(answer["hint"], error["hint"]);
        assert_eq!(api.get("/user-data/files").0, 200);
    }
    drop(api);
    let (redline, session) = core(&machine);
    let report = session.history(100, 0).unwrap_err().report();
    assert_eq!((&*report.message, &*report.hint), (MESSAGE, hint));
    redline.release();
}
