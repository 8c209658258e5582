//! `convert SOURCE DEST [key=value]...`: one conversion, its phases and its verdict, for
//! measuring without a store around it. `convert SOURCE profile` profiles.

use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use redline_convert::*;

struct Phases(Mutex<Vec<(String, Instant)>>);

impl Progress for Phases {
    fn phase(&self, name: &str) {
        if let Ok(mut phases) = self.0.lock() {
            phases.push((name.to_owned(), Instant::now()));
        }
    }
    fn set_total(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

fn main() -> Result<(), ConvertError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, dest, set @ ..] = arguments.as_slice() else {
        eprintln!("usage: convert SOURCE DEST|profile [key=value]...");
        std::process::exit(2);
    };
    let options = Options::parse(set.iter().filter_map(|s| s.split_once('=')))?;
    let limits = Limits::default();
    let phases = Phases(Mutex::new(Vec::new()));
    let began = Instant::now();
    if dest == "profile" {
        let profile = profile(&Source::new(source), &options, &limits, &phases)?;
        for column in &profile.columns {
            eprintln!(
                "{}: {} ({})",
                column.name, column.type_name, column.evidence
            );
        }
        eprintln!("{} rows in {:?}", profile.rows, began.elapsed());
        return Ok(());
    }
    let extension = Path::new(dest).extension().and_then(|e| e.to_str());
    let to = extension.and_then(Format::from_id).unwrap_or(Format::Csv);
    let plan = plan(&Source::new(source), to, &options, &limits, &phases)?;
    let planned = began.elapsed();
    let done = convert(&plan, Path::new(dest), &limits, &phases)?;
    let ended = Instant::now();
    let phases = phases.0.into_inner().unwrap_or_default();
    for (at, (name, begin)) in phases.iter().enumerate() {
        let end = phases.get(at + 1).map_or(ended, |(_, next)| *next);
        eprintln!("{name}: {:?}", end - *begin);
    }
    eprintln!(
        "{:?}: {} rows, {} bytes; planned in {planned:?}, all in {:?}",
        done.certificate.verdict,
        done.rows_out,
        done.bytes_out,
        ended - began
    );
    Ok(())
}
