//! jobs, tables, doctor: what goes on and what is amiss.

mod support;

use serde_json::json;
use support::Home;

#[test]
fn data_tables_are_listed() {
    let home = Home::new();
    assert_eq!(home.json(&["tables"])["tables"], json!([]));
    assert_eq!(home.json(&["tables", "list"])["tables"], json!([]));
    assert_eq!(
        home.run(&["tables"]).stdout,
        "No data tables. Make one with: redline tables add ID\n"
    );
}

#[test]
fn doctor_looks_at_the_store_of_the_key() {
    let home = Home::new();
    home.import("a.csv", "a\n1\n");
    let checks = home.json(&["doctor"])["checks"].clone();
    let detail = |name: &str| {
        let check = checks
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["name"] == name);
        check.unwrap_or_else(|| panic!("no {name}: {checks}"))["detail"].clone()
    };
    assert_eq!(detail("Catalog"), "Every row can be read.");
    assert!(detail("Store").as_str().unwrap().starts_with("1 file, "));
}

#[test]
fn work_that_is_over_is_not_said_to_have_been_asked_to_stop() {
    let home = Home::new();
    home.import("a.csv", "a\n1\n");
    let jobs = home.json(&["jobs", "list", "--all"]);
    let id = jobs["jobs"][0]["id"].as_str().unwrap().to_owned();
    let ran = home.run(&["jobs", "cancel", &id]);
    assert_eq!(ran.status, 0);
    assert_eq!(ran.stdout, "\"Storing \"a.csv\"\" is not running: done.\n");
}
