//! Conversions, profiles and previews over HTTP.

mod support;

use serde_json::{Value, json};
use support::*;

fn convert(api: &Api, id: &Value, body: &Value) -> (u16, Value) {
    let answer = api
        .client
        .post(api.url(&format!("/user-data/files/{id}/convert")))
        .header("X-License-Key", KEY_A)
        .header("Content-Type", "application/json")
        .body(body.to_string())
        .send()
        .unwrap();
    (answer.status().as_u16(), answer.json::<Value>().unwrap())
}

#[test]
fn choices_stand_in_options_or_beside_the_format() {
    let api = Api::start();
    let id = api.upload("q3.csv", "id,city\n001,Rome\n002,Oslo\n003,Rome\n")["id"].clone();
    let choices = [
        json!({ "to": "csv", "options": { "filter": "city = 'Rome'" } }),
        json!({ "to": "csv", "filter": "city = 'Rome'" }),
    ];
    for body in choices {
        let (status, answer) = convert(&api, &id, &body);
        assert_eq!(status, 200, "{answer}");
        let conversion = &answer["conversion"];
        assert_eq!(conversion["rows_out"], 2, "{conversion}");
        assert_eq!(conversion["options"]["filter"], "city = 'Rome'");
        assert_eq!(conversion["kind"], "convert");
        assert_eq!(conversion["sources"][0]["name"], "q3.csv");
        assert!(
            conversion["command"]
                .as_str()
                .unwrap()
                .contains("--set 'filter="),
            "{conversion}"
        );
    }
    let history = api.json("/user-data/history")["history"].clone();
    assert_eq!(history.as_array().unwrap().len(), 2);
    let (status, answer) = convert(&api, &id, &json!({ "to": "csv", "select": "nothing" }));
    assert_eq!((status, &answer["code"]), (400, &json!("bad_request")));
    assert!(
        answer["hint"].as_str().unwrap().contains("city"),
        "the columns are named: {answer}"
    );
    let after = api.json("/user-data/history")["history"].clone();
    assert_eq!(after, history, "a refused conversion is no conversion");
}

#[test]
fn a_file_says_what_is_in_it() {
    let api = Api::start();
    let id = api.upload("q3.csv", "id,amount\n001,9007199254740993\n002,\n")["id"].clone();
    let profile = api.json(&format!("/user-data/files/{id}/profile"))["profile"].clone();
    assert_eq!(
        (&profile["format"], &profile["rows"]),
        (&json!("csv"), &json!(2))
    );
    assert_eq!(profile["columns"][0]["type_name"], "VARCHAR");
    assert_eq!(profile["columns"][1]["type_name"], "BIGINT");
    assert_eq!(profile["columns"][1]["nulls"], 1);
    assert_eq!(profile["text"]["delimiter"], ",");
    let preview = api.json(&format!("/user-data/files/{id}/preview?limit=1&offset=0"));
    assert_eq!(preview["rows"], json!([["001", "9007199254740993"]]));
    assert_eq!(preview["columns"][1]["name"], "amount");
    let second = api.json(&format!("/user-data/files/{id}/preview?limit=5&offset=1"));
    assert_eq!(second["rows"], json!([["002", null]]), "null is not empty");
    for wrong in ["?limit=x", "?header=perhaps", "?nonsense=1"] {
        let answer = api
            .get(&format!("/user-data/files/{id}/preview{wrong}"))
            .send()
            .unwrap();
        assert_eq!(answer.status(), 400, "{wrong}");
    }
    let picture = api.upload("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec())["id"].clone();
    for way in ["profile", "preview"] {
        let answer = api
            .get(&format!("/user-data/files/{picture}/{way}"))
            .send()
            .unwrap();
        assert!(
            matches!(answer.status().as_u16(), 415 | 422),
            "{way}: {}",
            answer.status()
        );
    }
}
