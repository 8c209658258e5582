//! Looking at tables through core: profiles, grids, filters, SQL, data tables, presets;
//! and what of it must not cross from one key to another.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use redline_core::*;

const OTHER: &str = "RL-AAAAAAAA-BBBBBBBB-CCCCCCCC";

struct Desk {
    home: tempfile::TempDir,
    redline: Redline,
    session: Session,
}

impl Desk {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let redline = Redline::open(Options {
            data_dir: Some(home.path().join("data")),
            config_dir: Some(home.path().join("config")),
            front_end: FrontEnd::CommandLine,
            env_key: None,
            aws_files: None,
        })
        .unwrap();
        let session = redline.sign_in(a_key(None)).unwrap();
        Self {
            home,
            redline,
            session,
        }
    }

    fn store(&self, name: &str, text: &str) -> i64 {
        let path = self.home.path().join(name);
        fs::write(&path, text).unwrap();
        let report = self.session.import_now(vec![path], None, &mut ()).unwrap();
        report.imported[0].id
    }

    /// The folder of the one store that has files in it.
    fn partials(&self) -> usize {
        let users = self.home.path().join("data/users");
        fs::read_dir(users)
            .unwrap()
            .flatten()
            .flat_map(|store| fs::read_dir(store.path().join(".redline/partial")))
            .flatten()
            .flatten()
            .filter(|entry| entry.file_name() != ".gate")
            .count()
    }
}

fn a_key(key: Option<&str>) -> SignInRequest {
    SignInRequest {
        key: key.map(str::to_owned),
        label: None,
        keep: KeptIn::SessionOnly,
        passphrase: None,
    }
}

fn none() -> BTreeMap<String, String> {
    BTreeMap::new()
}

fn numbers(rows: u64) -> String {
    let mut text = String::from("n,city\n");
    for n in 0..rows {
        let city = ["Rome", "Oslo", ""][(n % 3) as usize];
        text += &format!("{},{city}\n", n * 7 % rows);
    }
    text
}

fn filter(column: &str, op: FilterOp, value: &str) -> GridFilter {
    GridFilter {
        column: column.into(),
        op,
        value: (!value.is_empty()).then(|| value.to_owned()),
        value2: None,
    }
}

#[test]
fn a_grid_is_read_where_one_looks_and_refined_without_sql() {
    let desk = Desk::new();
    let id = desk.store("n.csv", &numbers(5_000));
    let session = &desk.session;
    let open = session.open_grid(&GridTarget::File(id), &none()).unwrap();
    assert_eq!((open.rows, open.at_least), (Some(5_000), 5_000));
    assert_eq!(open.columns[0].name, "n");
    assert!(open.columns[0].numeric && !open.columns[1].numeric);
    let window = session.grid_rows(&open.grid, 4_998, 50).unwrap();
    assert_eq!(
        (window.first, window.rows.len(), window.total),
        (4_998, 2, Some(5_000))
    );
    assert_eq!(
        window.rows[0],
        [Some((4_998 * 7 % 5_000).to_string()), Some("Rome".into())]
    );

    let query = GridQuery {
        filters: vec![
            filter("city", FilterOp::Contains, "rom"),
            filter("n", FilterOp::Less, "20"),
        ],
        sort: Some(GridSort {
            column: "n".into(),
            descending: true,
        }),
    };
    let refined = session.refine_grid(&open.grid, &query).unwrap();
    assert!(refined.filtered);
    assert_eq!(refined.sorted_by.as_deref(), Some("n"));
    let rows = session.grid_rows(&refined.grid, 0, 100).unwrap().rows;
    let values: Vec<u64> = rows
        .iter()
        .map(|row| row[0].as_ref().unwrap().parse().unwrap())
        .collect();
    let mut expected: Vec<u64> = (0..5_000_u64)
        .filter(|n| n % 3 == 0)
        .map(|n| n * 7 % 5_000)
        .filter(|n| *n < 20)
        .collect();
    expected.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(values, expected, "as numbers, not as text");
    // Refined again, it begins at the whole table; the others stay.
    let nulls = GridQuery {
        filters: vec![filter("city", FilterOp::Null, "")],
        sort: None,
    };
    let again = session.refine_grid(&refined.grid, &nulls).unwrap();
    assert_eq!(again.rows, Some(1_666));
    let whole = session
        .refine_grid(&again.grid, &GridQuery::default())
        .unwrap();
    assert_eq!((whole.rows, whole.filtered), (Some(5_000), false));
    assert_eq!(session.grid_rows(&open.grid, 0, 1).unwrap().rows.len(), 1);
    for wrong in [
        filter("none", FilterOp::Null, ""),
        filter("n", FilterOp::More, "many"),
        filter("n", FilterOp::Is, ""),
    ] {
        let query = GridQuery {
            filters: vec![wrong],
            sort: None,
        };
        let error = session.refine_grid(&open.grid, &query).unwrap_err();
        assert_eq!(error.code(), Code::BadRequest, "{error:?}");
    }
    session.close_grid(&open.grid);
    let closed = session.grid_rows(&open.grid, 0, 1).unwrap_err();
    assert_eq!(closed.code(), Code::NotFound);
    desk.redline.release();
    assert_eq!(desk.partials(), 0, "nothing is left behind");
}

#[test]
fn grids_are_few_and_the_oldest_goes_first() {
    let desk = Desk::new();
    let id = desk.store("n.csv", "a\n1\n");
    let target = GridTarget::File(id);
    let open: Vec<String> = (0..9)
        .map(|_| desk.session.open_grid(&target, &none()).unwrap().grid)
        .collect();
    assert!(desk.session.grid_rows(&open[0], 0, 1).is_err());
    assert!(desk.session.grid_rows(&open[1], 0, 1).is_ok());
    let different: std::collections::HashSet<&String> = open.iter().collect();
    assert_eq!(different.len(), 9);
    // Not known to another key, whatever it guesses.
    let other = desk.redline.sign_in(a_key(Some(OTHER))).unwrap();
    let foreign = other.grid_rows(&open[8], 0, 1).unwrap_err();
    let guessed = other.grid_rows("01jd8y3v7q", 0, 1).unwrap_err();
    assert_eq!(foreign.report(), guessed.report());
    assert_eq!(foreign.code(), Code::NotFound);
    let refined = other.refine_grid(&open[8], &GridQuery::default());
    assert_eq!(refined.unwrap_err().code(), Code::NotFound);
}

#[test]
fn a_query_shows_its_first_rows_and_is_remembered() {
    let desk = Desk::new();
    desk.store("n.csv", &numbers(12_000));
    let session = &desk.session;
    let shown = session.run_query("SELECT * FROM \"n.csv\"").unwrap();
    assert_eq!((shown.grid.rows, shown.grid.at_least), (None, 10_001));
    let last = session.grid_rows(&shown.grid.grid, 9_999, 10).unwrap();
    assert_eq!(last.rows.len(), 1, "ten thousand and no more");
    let sum = session
        .run_query("SELECT sum(n) AS s, 170141183460469231731687303715884105727::HUGEINT AS h FROM \"n.csv\"")
        .unwrap();
    assert_eq!(sum.grid.rows, Some(1));
    let row = session
        .grid_rows(&sum.grid.grid, 0, 1)
        .unwrap()
        .rows
        .remove(0);
    assert_eq!(row[0].as_deref(), Some("71994000"));
    assert_eq!(
        row[1].as_deref(),
        Some("170141183460469231731687303715884105727"),
        "39 digits are exact"
    );
    let refined = session.refine_grid(
        &shown.grid.grid,
        &GridQuery {
            filters: vec![filter("city", FilterOp::Is, "Oslo")],
            sort: None,
        },
    );
    assert!(refined.unwrap().rows.unwrap() > 3_000);
    let error = session
        .run_query("SELECT nothing FROM \"n.csv\"")
        .unwrap_err();
    assert_eq!(error.code(), Code::BadRequest);
    let history = session.query_history();
    assert_eq!(history.len(), 3);
    assert!(history[0].error.as_ref().unwrap().contains("nothing"));
    assert_eq!(history[1].rows, Some(1));
    // The same again moves to the front.
    session.run_query("SELECT * FROM \"n.csv\"").unwrap();
    let history = session.query_history();
    assert_eq!((history.len(), history[0].rows), (3, Some(10_001)));
    let other = desk.redline.sign_in(a_key(Some(OTHER))).unwrap();
    assert!(other.query_history().is_empty());
    assert!(other.query_relations().unwrap().is_empty());
    let foreign = other.run_query("FROM \"n.csv\"").unwrap_err();
    assert!(foreign.report().message.contains("no stored file"));
}

#[test]
fn a_query_can_be_cancelled() {
    let desk = Desk::new();
    let session = desk.session.clone();
    let running = std::thread::spawn(move || {
        session.run_query(
            "SELECT count(*) FROM range(1000000) a, range(10000000) b WHERE a.range * b.range = 3",
        )
    });
    std::thread::sleep(Duration::from_millis(700));
    let asked = Instant::now();
    desk.session.cancel_query();
    let error = running.join().unwrap().unwrap_err();
    assert_eq!(error.code(), Code::Cancelled, "{error:?}");
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "{:?}",
        asked.elapsed()
    );
}

#[test]
fn names_in_sql_mean_tables_before_files_and_no_file_by_chance() {
    let desk = Desk::new();
    let session = &desk.session;
    let first = desk.store("a.csv", "x\n1\n");
    fs::create_dir(desk.home.path().join("deep")).unwrap();
    fs::write(desk.home.path().join("deep/a.csv"), "x\n2\n").unwrap();
    session
        .import_now(vec![desk.home.path().join("deep")], None, &mut ())
        .unwrap();
    let value = |sql: &str| -> Result<String, CoreError> {
        let view = session.run_query(sql)?;
        let rows = session.grid_rows(&view.grid.grid, 0, 1)?.rows;
        Ok(rows[0][0].clone().unwrap())
    };
    let unclear = value("FROM \"a.csv\"");
    assert_eq!(value("FROM \"deep/a.csv\"").unwrap(), "2");
    match unclear {
        // The exact path of the one at the top is its name.
        Ok(one) => assert_eq!(one, "1"),
        Err(error) => assert!(error.report().hint.contains("deep/a.csv"), "{error:?}"),
    }
    let table = session.add_table(first, None, &none(), &()).unwrap();
    assert_eq!(table.table_name, "a");
    assert_eq!(value("FROM A").unwrap(), "1");
    let names: Vec<String> = session
        .query_relations()
        .unwrap()
        .into_iter()
        .map(|relation| relation.name)
        .collect();
    assert_eq!(names[0], "a");
    assert!(names.contains(&"deep/a.csv".to_owned()), "{names:?}");
    let own = value("WITH a AS (SELECT x + 1 AS y FROM a) SELECT y FROM a");
    assert_eq!(own.unwrap(), "2");
}

#[test]
fn a_profile_is_known_until_the_file_is_another() {
    let desk = Desk::new();
    let id = desk.store("n.csv", "n\n1\n2\n");
    let session = &desk.session;
    let first = session.inspect(id, &none(), &()).unwrap();
    assert_eq!(first.rows, 2);
    let cache = |desk: &Desk| -> usize {
        let users = desk.home.path().join("data/users");
        fs::read_dir(users)
            .unwrap()
            .flatten()
            .filter_map(|store| fs::read_dir(store.path().join(".redline/cache/profiles")).ok())
            .flatten()
            .count()
    };
    assert_eq!(cache(&desk), 1);
    assert_eq!(session.inspect(id, &none(), &()).unwrap(), first);
    let as_text = BTreeMap::from([("types".to_owned(), "text".to_owned())]);
    assert_ne!(session.inspect(id, &as_text, &()).unwrap(), first);
    assert_eq!(cache(&desk), 2);
    // Edited in place, behind our back.
    let users = desk.home.path().join("data/users");
    let store = fs::read_dir(users).unwrap().next().unwrap().unwrap().path();
    std::thread::sleep(Duration::from_millis(20));
    fs::write(store.join("files/n.csv"), "n\n1\n2\n3\n").unwrap();
    assert_eq!(session.inspect(id, &none(), &()).unwrap().rows, 3);
}

#[test]
fn tables_and_presets_are_one_keys_own() {
    let desk = Desk::new();
    let id = desk.store("n.csv", "n\n1\n");
    let session = &desk.session;
    session.add_table(id, Some("mine"), &none(), &()).unwrap();
    session
        .save_preset(PresetView {
            name: "mine".into(),
            to: Some("csv".into()),
            options: none(),
        })
        .unwrap();
    session
        .convert_now(id, &ConversionRequest::to("csv"))
        .unwrap();
    let conversion = session.history(1, 0).unwrap().remove(0);
    let other = desk.redline.sign_in(a_key(Some(OTHER))).unwrap();
    assert!(other.data_tables().unwrap().is_empty());
    assert!(other.presets().is_empty());
    for error in [
        other.drop_table("mine").unwrap_err(),
        other.delete_preset("mine").unwrap_err(),
        other.conversion(conversion.id).unwrap_err(),
        other.rerun(conversion.id).unwrap_err(),
        other.certificate_text(conversion.id).unwrap_err(),
        other
            .open_grid(&GridTarget::Table("mine".into()), &none())
            .unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::NotFound, "{error:?}");
    }
    assert_eq!(session.data_tables().unwrap().len(), 1);
    assert_eq!(session.presets().len(), 1);
    let text = session.certificate_text(conversion.id).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(kept["conversion"]["certificate"]["verdict"], "proved");
    assert!(!text.contains(desk.home.path().to_str().unwrap()));
}

#[test]
fn what_was_planned_is_what_runs() {
    let desk = Desk::new();
    let id = desk.store("n.csv", "n,t\n1,a\n2,b\n");
    let session = &desk.session;
    let mut request = ConversionRequest::to("parquet");
    request.options.insert("codec".into(), "zstd".into());
    let plan = session.plan_conversion(id, &request).unwrap();
    assert_eq!(
        (plan.file_id, plan.output_name.as_str()),
        (Some(id), "n.parquet")
    );
    assert_eq!(plan.options, request.options);
    let done = session.convert_now(id, &request).unwrap().remove(0);
    assert_eq!(
        (done.kind.as_str(), &done.options),
        ("convert", &request.options)
    );
    let again = session.rerun_now(done.id).unwrap();
    assert_ne!(again.output_id, done.output_id);
    assert_eq!(again.options, request.options);
    let wrong = BTreeMap::from([("codec".to_owned(), "rar".to_owned())]);
    let request = ConversionRequest {
        to: "parquet".into(),
        options: wrong,
    };
    for error in [
        session.plan_conversion(id, &request).unwrap_err(),
        session.convert(id, &request).unwrap_err(),
        session
            .merge(&[id, id], &request, MergeBy::Name, &[])
            .unwrap_err(),
        session.export_query("SELECT 1", &request, "x").unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::BadRequest, "{error:?}");
    }
    let one = session.merge(&[id], &ConversionRequest::to("csv"), MergeBy::Name, &[]);
    assert_eq!(one.unwrap_err().code(), Code::BadRequest);
    assert_eq!(session.history(10, 0).unwrap().len(), 2);
    desk.redline.release();
    assert_eq!(desk.partials(), 0, "a plan leaves nothing behind");
}
