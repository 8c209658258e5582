//! Conversions and presets through the real binary: `--json`, the text for people, and the
//! exit status.

mod support;

use serde_json::json;
use support::{Home, KEY_B, PEOPLE, Ran, stored, text};

#[test]
fn inspect_says_what_is_in_a_file_stored_or_not() {
    let home = Home::new();
    let id = home.import("people.csv", PEOPLE).to_string();
    let profile = home.json(&["inspect", &id])["profile"].clone();
    assert_eq!(
        (&profile["format"], &profile["rows"]),
        (&json!("csv"), &json!(3))
    );
    assert_eq!(profile["text"]["encoding"], "UTF-8");
    assert_eq!(profile["columns"][0]["type_name"], "VARCHAR");
    assert!(
        !profile["columns"][0]["evidence"]
            .as_str()
            .unwrap()
            .is_empty()
    );
    for list in ["choices", "repairs", "warnings", "tables"] {
        assert!(profile[list].is_array(), "{list}");
    }
    // The same by path, without a key and without a store.
    let other = Home::new();
    other.file("people.csv", PEOPLE);
    let ran = Ran::of(other.bare().args(["--json", "inspect", "people.csv"]));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(ran.object()["profile"], profile);
    assert!(!other.path().join("data").exists());
    let shown = Ran::of(other.bare().args(["inspect", "people.csv"]));
    assert!(
        shown.stdout.contains("people.csv") && shown.stdout.contains("VARCHAR"),
        "{}",
        shown.stdout
    );
    // Known already, a second look is the same.
    assert_eq!(home.json(&["inspect", &id])["profile"], profile);
    let with = home.json(&["inspect", &id, "--set", "types=text"])["profile"].clone();
    assert!(
        with["columns"]
            .as_array()
            .unwrap()
            .iter()
            .all(|c| c["type_name"] == "VARCHAR")
    );
}

#[test]
fn preview_shows_exact_values_and_keeps_null_apart() {
    let home = Home::new();
    let id = home
        .import(
            "n.csv",
            "n,t\n9007199254740993,a\n,\"\"\n18446744073709551615,c\n",
        )
        .to_string();
    let all = home.json(&["preview", &id]);
    assert_eq!(all["columns"][0]["name"], "n");
    assert_eq!(
        all["rows"],
        json!([
            ["9007199254740993", "a"],
            [null, ""],
            ["18446744073709551615", "c"]
        ])
    );
    let one = home.json(&["preview", &id, "--limit", "1", "--offset", "2"]);
    assert_eq!(one["rows"], json!([["18446744073709551615", "c"]]));
    assert_eq!(
        home.json(&["preview", &id, "--offset", "99"])["rows"],
        json!([])
    );
    let shown = home.run(&["preview", &id]);
    assert!(
        shown.stdout.contains("9007199254740993") && shown.stdout.contains("NULL"),
        "{}",
        shown.stdout
    );
    home.file("here.csv", "a\n1\n");
    let ran = Ran::of(home.bare().args(["--json", "preview", "here.csv"]));
    assert_eq!(ran.object()["rows"], json!([["1"]]));
}

#[test]
fn a_path_is_converted_without_a_key_and_without_a_store() {
    let home = Home::new();
    home.file("people.csv", PEOPLE);
    let run = |arguments: &[&str]| Ran::of(home.bare().arg("--json").args(arguments));
    let ran = run(&[
        "convert",
        "people.csv",
        "--to",
        "parquet",
        "--out",
        "p.parquet",
    ]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let conversion = ran.object()["conversion"].clone();
    assert_eq!(
        (
            &conversion["rows_in"],
            &conversion["rows_out"],
            &conversion["rows_rejected"],
            &conversion["certificate"]["verdict"]
        ),
        (&json!(3), &json!(3), &json!(0), &json!("proved"))
    );
    assert!(home.path().join("p.parquet").exists());
    // The ending says the format; and back, equal.
    let back = run(&["convert", "p.parquet", "--out", "back.csv"]);
    assert_eq!(back.status, 0, "{}", back.stderr);
    let text = std::fs::read_to_string(home.path().join("back.csv")).unwrap();
    assert_eq!(text, PEOPLE);
    // Nothing is overwritten, nothing is left over, and what is wrong is said.
    let again = run(&[
        "convert",
        "people.csv",
        "--to",
        "parquet",
        "--out",
        "p.parquet",
    ]);
    assert_eq!(
        (again.status, again.error()["code"].as_str()),
        (1, Some("already_exists"))
    );
    for (arguments, status, code) in [
        (vec!["convert", "people.csv", "--to", "parquet"], 2, "usage"),
        (
            vec!["convert", "none.csv", "--to", "csv", "--out", "x.csv"],
            4,
            "not_found",
        ),
        (
            vec!["convert", "people.csv", "--to", "docx", "--out", "x.docx"],
            2,
            "bad_request",
        ),
        (
            vec![
                "convert",
                "people.csv",
                "--out",
                "x.csv",
                "--set",
                "codec=rar",
            ],
            2,
            "bad_request",
        ),
        (
            vec![
                "convert",
                "people.csv",
                "--out",
                "x.csv",
                "--set",
                "nonsense",
            ],
            2,
            "usage",
        ),
        (
            vec!["convert", "people.csv", "--out", "no/folder/x.csv"],
            1,
            "bad_name",
        ),
        (
            vec!["convert", "people.csv", "7", "--to", "csv"],
            2,
            "usage",
        ),
    ] {
        let ran = run(&arguments);
        assert_eq!(
            (ran.status, ran.error()["code"].as_str()),
            (status, Some(code)),
            "{arguments:?}: {}",
            ran.stderr
        );
    }
    let mut left: Vec<String> = std::fs::read_dir(home.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["back.csv", "p.parquet", "people.csv"]);
    let plan = run(&["convert", "people.csv", "--to", "ndjson", "--plan"]);
    assert_eq!(plan.object()["plan"]["output_name"], "people.ndjson");
}

#[test]
fn choices_change_the_result_and_are_remembered() {
    let home = Home::new();
    let id = home.import("people.csv", PEOPLE).to_string();
    let conversion = home.json(&[
        "convert",
        &id,
        "--to",
        "csv",
        "--set",
        "filter=city = 'Rome'",
        "--set",
        "select=name,id",
        "--set",
        "rename.id=key",
    ])["conversion"]
        .clone();
    assert_eq!(
        stored(&home, &conversion["output_id"]),
        "name,key\nAnn,001\nCleo,003\n"
    );
    assert_eq!(conversion["options"]["select"], "name,id");
    let command = conversion["command"].as_str().unwrap();
    assert!(
        command.contains("--set 'filter=city = '\\''Rome'\\'''"),
        "{command}"
    );
    // The line does the same again.
    let rerun = home.json(&["history", "rerun", &text(&conversion["id"])])["conversion"].clone();
    assert_ne!(rerun["output_id"], conversion["output_id"]);
    assert_eq!(rerun["options"], conversion["options"]);
    assert_eq!(
        stored(&home, &rerun["output_id"]),
        stored(&home, &conversion["output_id"])
    );
    let shown = home.json(&["history", "show", &text(&conversion["id"])])["conversion"].clone();
    assert_eq!(shown, conversion);
    let for_people = home.run(&["history", "show", &text(&conversion["id"])]);
    assert!(
        for_people.stdout.contains("Again with") && for_people.stdout.contains("Proof"),
        "{}",
        for_people.stdout
    );
    for arguments in [["history", "show", "999"], ["history", "rerun", "999"]] {
        let ran = home.run(&["--json", arguments[0], arguments[1], arguments[2]]);
        assert_eq!(
            (ran.status, ran.error()["code"].as_str()),
            (4, Some("not_found"))
        );
    }
    // With --out the result is stored, and a copy lies there.
    let copy = home.path().join("copy.csv");
    let copied = home.json(&[
        "convert",
        &id,
        "--to",
        "csv",
        "--out",
        copy.to_str().unwrap(),
    ])["conversion"]
        .clone();
    assert_eq!(
        std::fs::read_to_string(&copy).unwrap(),
        stored(&home, &copied["output_id"])
    );
}

#[test]
fn a_row_that_does_not_fit_stops_or_is_left_out_and_counted() {
    let home = Home::new();
    let id = home.import("n.csv", "a,n\nx,1\ny,two\nz,3\n").to_string();
    let typed = ["convert", &id, "--to", "parquet", "--set", "type.n=BIGINT"];
    let mut stop = vec!["--json"];
    stop.extend(typed);
    let ran = home.run(&stop);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    let error = ran.error();
    assert_eq!(error["code"], "lossy");
    assert!(
        error["message"].as_str().unwrap().contains("line 3")
            && error["hint"]
                .as_str()
                .unwrap()
                .contains("--on-reject report"),
        "{error}"
    );
    assert_eq!(home.json(&["history"])["conversions"], json!([]));
    assert_eq!(home.json(&["files"])["total"], 1);

    let mut report = stop.clone();
    report.extend(["--on-reject", "report"]);
    let ran = home.run(&report);
    assert_eq!(ran.status, 6, "{}", ran.stderr);
    let conversion = ran.object()["conversion"].clone();
    assert_eq!(
        (
            &conversion["rows_in"],
            &conversion["rows_out"],
            &conversion["rows_rejected"]
        ),
        (&json!(3), &json!(2), &json!(1))
    );
    assert_eq!(conversion["rejects"]["examples"][0]["line"], 3);
    let for_people = home.run(&[
        "convert",
        &id,
        "--to",
        "parquet",
        "--set",
        "type.n=BIGINT",
        "--on-reject",
        "report",
    ]);
    assert_eq!(for_people.status, 6);
    assert!(
        for_people.stdout.contains("rejected"),
        "{}",
        for_people.stdout
    );
}

#[test]
fn several_files_become_one_table() {
    let home = Home::new();
    let a = home.import("q1.csv", "id,price\n001,1.50\n").to_string();
    let b = home
        .import("q2.csv", "Price (USD),id\n2.25,002\n")
        .to_string();
    let merged =
        home.json(&["merge", &a, &b, "--to", "csv", "--map", "Price (USD)=price"])["conversion"]
            .clone();
    assert_eq!(merged["kind"], "merge");
    assert_eq!(merged["rows_out"], 2);
    assert_eq!(merged["certificate"]["verdict"], "proved");
    assert_eq!(merged["sources"].as_array().unwrap().len(), 2);
    assert_eq!(merged["output_name"], "q1 and 1 more.csv");
    assert_eq!(
        stored(&home, &merged["output_id"]),
        "id,price\n001,1.50\n002,2.25\n"
    );
    assert_eq!(
        merged["command"],
        format!("redline merge {a} {b} --to csv --map 'Price (USD)=price'")
    );
    let again = home.json(&["history", "rerun", &text(&merged["id"])])["conversion"].clone();
    assert_eq!(
        stored(&home, &again["output_id"]),
        stored(&home, &merged["output_id"])
    );
    let plan = home.json(&["merge", &a, &b, "--to", "csv", "--by", "position", "--plan"]);
    assert_eq!(plan["plan"]["profile"]["rows"], 2);
    for arguments in [
        vec!["--json", "merge", &a, "--to", "csv"],
        vec!["--json", "merge", &a, &b, "--to", "csv", "--map", "x"],
    ] {
        assert_eq!(home.run(&arguments).status, 2, "{arguments:?}");
    }
    let foreign = home.run(&["--json", "merge", &a, "999999", "--to", "csv"]);
    assert_eq!(
        (foreign.status, foreign.error()["code"].as_str()),
        (4, Some("not_found"))
    );
}

#[test]
fn presets_are_saved_used_and_deleted() {
    let home = Home::new();
    assert_eq!(home.json(&["presets"])["presets"], json!([]));
    let saved = home.json(&[
        "presets",
        "save",
        "Rome only",
        "--to",
        "csv",
        "--set",
        "filter=city = 'Rome'",
        "--on-reject",
        "report",
    ]);
    assert_eq!(
        saved["presets"],
        json!([{
            "name": "Rome only", "to": "csv",
            "options": { "filter": "city = 'Rome'", "on_reject": "report" },
        }])
    );
    let id = home.import("people.csv", PEOPLE).to_string();
    let used = home.json(&[
        "convert",
        &id,
        "--preset",
        "rome ONLY",
        "--set",
        "select=id",
    ]);
    assert_eq!(
        stored(&home, &used["conversion"]["output_id"]),
        "id\n001\n003\n"
    );
    assert!(home.run(&["presets"]).stdout.contains("Rome only"));
    // Each key has its own.
    let other = Ran::of(home.with_key(KEY_B).args(["--json", "presets"]));
    assert_eq!(other.object()["presets"], json!([]));
    for arguments in [
        vec!["--json", "presets", "save", "x", "--set", "codec=rar"],
        vec!["--json", "presets", "save", "x", "--to", "docx"],
        vec!["--json", "presets", "save", " "],
    ] {
        assert_eq!(
            home.run(&arguments).error()["code"],
            "bad_request",
            "{arguments:?}"
        );
    }
    assert_eq!(
        home.json(&["presets", "delete", "Rome only"])["presets"],
        json!([])
    );
    for arguments in [
        vec!["--json", "presets", "delete", "Rome only"],
        vec![
            "--json",
            "convert",
            &id,
            "--to",
            "csv",
            "--preset",
            "Rome only",
        ],
    ] {
        assert_eq!(home.run(&arguments).status, 4, "{arguments:?}");
    }
}
