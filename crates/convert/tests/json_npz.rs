//! JSON and NumPy files through the whole of a conversion: read, planned, written, proved.

use std::fs;
use std::path::PathBuf;

use redline_convert::*;

struct Bench {
    dir: tempfile::TempDir,
    limits: Limits,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let temp_dir = dir.path().join("temp");
        fs::create_dir(&temp_dir).unwrap();
        let limits = Limits {
            temp_dir,
            threads: 2,
            ..Limits::default()
        };
        Bench { dir, limits }
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn to(&self, from: &PathBuf, to: Format, name: &str) -> (PathBuf, ConversionPlan, Conversion) {
        let options = Options::default();
        let plan = plan(&Source::new(from), to, &options, &self.limits, &()).unwrap();
        let dest = self.dir.path().join(name);
        let done = convert(&plan, &dest, &self.limits, &()).unwrap();
        assert_eq!(
            done.rows_in,
            done.rows_out + done.rows_rejected + done.rows_left_out
        );
        (dest, plan, done)
    }
}

const RECORDS: &str = r#"{"id":9007199254740993,"wide":18446744073709551615,"price":1.50,"ratio":0.1,"odd":1E400,"day":"2026-01-31","at":"2026-01-31 23:59:59.5","zip":"007","flag":true,"tags":["a",null],"geo":{"x":-0.0,"y":"😀"},"mixed":[1,"2"],"note":"a\nb"}
{"id":-1,"wide":0,"price":2.25,"ratio":1e-07,"odd":1,"day":"0001-01-01","at":"1969-12-31 00:00:00","zip":"","flag":null,"tags":[],"geo":{"x":2.5,"y":null},"mixed":{},"note":"","late":1}
"#;

#[test]
fn json_goes_through_every_form_and_comes_back_the_same() {
    let bench = Bench::new();
    let source = bench.file("t.ndjson", RECORDS);
    let (array, plan, done) = bench.to(&source, Format::Json, "a.json");
    assert_eq!(
        done.certificate.verdict,
        Verdict::Proved,
        "{:?}",
        plan.losses
    );
    let (lines, _, done) = bench.to(&array, Format::Ndjson, "b.ndjson");
    assert_eq!(done.certificate.verdict, Verdict::Proved);
    let text = fs::read_to_string(&lines).unwrap();
    for kept in [
        "\"id\":9007199254740993,",
        "\"wide\":18446744073709551615,",
        "\"price\":1.50,",
        "\"ratio\":1e-07,",
        "\"odd\":1E400,",
        "\"day\":\"0001-01-01\",",
        "\"at\":\"2026-01-31 23:59:59.5\",",
        "\"zip\":\"007\",",
        "\"tags\":[\"a\",null],",
        "\"x\":-0.0,",
        "\"mixed\":[1,\"2\"],",
        "\"note\":\"a\\nb\",",
        "\"late\":null}",
    ] {
        assert!(text.contains(kept), "{kept} in {text}");
    }
    let (again, _, _) = bench.to(&lines, Format::Ndjson, "c.ndjson");
    assert_eq!(fs::read_to_string(again).unwrap(), text);
}

#[test]
fn json_becomes_other_formats_and_they_become_json() {
    let bench = Bench::new();
    let source = bench.file("t.ndjson", RECORDS);
    let (out, _, done) = bench.to(&source, Format::Parquet, "t.parquet");
    assert_eq!(done.rows_out, 2);
    let (back, _, _) = bench.to(&out, Format::Ndjson, "back.ndjson");
    let text = fs::read_to_string(back).unwrap();
    assert!(text.contains("\"geo\":{\"x\":-0.0,\"y\":\"😀\"}"), "{text}");
    assert!(text.contains("\"id\":9007199254740993,"), "{text}");
}

#[test]
fn an_archive_keeps_nulls_and_comes_back() {
    let bench = Bench::new();
    let text =
        "{\"i\":1,\"f\":0.5,\"s\":\"é\",\"d\":\"2026-01-31\"}\n{\"i\":null,\"f\":2,\"s\":\"\"}\n";
    let source = bench.file("t.ndjson", text);
    let (npz, _, done) = bench.to(&source, Format::Npz, "t.npz");
    assert_eq!(done.certificate.verdict, Verdict::Proved);
    let (back, _, done) = bench.to(&npz, Format::Ndjson, "b.ndjson");
    assert_eq!(done.certificate.verdict, Verdict::Proved);
    assert_eq!(
        fs::read_to_string(back).unwrap(),
        "{\"i\":1,\"f\":0.5,\"s\":\"é\",\"d\":\"2026-01-31\"}\n{\"i\":null,\"f\":2.0,\"s\":\"\",\"d\":null}\n"
    );
}

#[test]
fn a_reject_stops_unless_it_is_asked_to_be_left_out() {
    let bench = Bench::new();
    let source = bench.file("t.ndjson", "{\"a\":1}\n{\"a\":1,\"a\":2}\n{\"a\":3}\n");
    let plan_with = |pairs: &[(&str, &str)]| {
        let options = Options::parse(pairs.iter().copied()).unwrap();
        let source = Source::new(&source);
        plan(&source, Format::Json, &options, &bench.limits, &())
            .and_then(|plan| convert(&plan, &bench.dir.path().join("o.json"), &bench.limits, &()))
    };
    assert!(matches!(plan_with(&[]), Err(ConvertError::Rejected { .. })));
    let done = plan_with(&[("on_reject", "report")]).unwrap();
    assert_eq!((done.rows_in, done.rows_out, done.rows_rejected), (3, 2, 1));
}

#[test]
fn compressed_json_is_found_and_written() {
    let bench = Bench::new();
    let packed = zstd::encode_all("{\"a\":1}\n{\"a\":2}\n".as_bytes(), 1).unwrap();
    let source = bench.file("t.ndjson.zst", packed);
    assert_eq!(detect(&source).unwrap().format, Format::Ndjson);
    let options = Options::parse([("codec", "gzip")]).unwrap();
    let plan = plan(
        &Source::new(&source),
        Format::Json,
        &options,
        &bench.limits,
        &(),
    )
    .unwrap();
    let dest = bench.dir.path().join("o.json.gz");
    let done = convert(&plan, &dest, &bench.limits, &()).unwrap();
    assert_eq!(done.certificate.verdict, Verdict::Proved);
    assert_eq!(detect(&dest).unwrap().format, Format::Json);
}
