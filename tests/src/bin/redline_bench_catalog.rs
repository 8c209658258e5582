//! The catalog under load, for `cargo xtask bench catalog`: fills a store with many rows through
//! the store's own door, and times pages of its list in one warm process.
//! Never writes to the catalog past the store.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use redline_store::{Identity, ListQuery, Sort, Store, StoreOptions};

const USAGE: &str = "usage: REDLINE_LICENSE_KEY=… redline_bench_catalog fill ROOT ROWS | page ROOT";
const WORDS: [&str; 8] = [
    "prices", "orders", "sensors", "survey", "ledger", "weather", "trips", "stock",
];
const ENDINGS: [&str; 5] = ["csv", "parquet", "json", "xlsx", "txt"];
const PAGE: u64 = 100;
/// How often each page is asked for. The first time counts too, so a list that is only quick once
/// it has been sorted shows in the 95th percentile.
const TIMES: usize = 5;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let key = std::env::var("REDLINE_LICENSE_KEY").context(USAGE)?;
    let identity = Identity::of_key(&key);
    match arguments[..] {
        ["fill", root, rows] => fill(Path::new(root), &identity, rows.parse().context(USAGE)?),
        ["page", root] => page(Path::new(root), &identity),
        _ => bail!(USAGE),
    }
}

/// Lays the files where the store keeps them, and has it adopt them as it does after a crash.
/// They are sparse: what counts here is their number, not their bytes.
fn fill(root: &Path, identity: &Identity, rows: u64) -> Result<()> {
    let (store, _) = Store::create_or_open(root, identity, StoreOptions::default())?;
    drop(store);
    let files: PathBuf = root
        .join("users")
        .join(identity.folder_name())
        .join("files");
    for row in 0..rows {
        let folder = files.join(format!("{:04}", row / 1000));
        if row % 1000 == 0 {
            fs::create_dir_all(&folder)?;
        }
        // Multiplied by an odd number, so that neither names nor sizes come in the order of ids.
        let mixed = row.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let word = WORDS[usize::try_from(mixed >> 61)?];
        let ending = ENDINGS[usize::try_from((mixed >> 32) % 5)?];
        let name = format!("{word}-{:08x}-{row:07}.{ending}", mixed >> 32);
        File::create(folder.join(name))?.set_len((mixed >> 40) % 16_384)?;
    }
    let (store, _) = Store::open(root, identity, StoreOptions::default())?;
    let report = store.reconcile(&())?;
    let total = store.list(&ListQuery::default())?.total;
    // As every program does at its end: the listing that was begun is finished.
    store.finish();
    if total != rows {
        bail!("{total} rows are in the catalog, {rows} files were laid out: {report:?}");
    }
    Ok(())
}

/// Prints the milliseconds each page took, and what was asked for, one a line.
fn page(root: &Path, identity: &Identity) -> Result<()> {
    let (store, _) = Store::open(root, identity, StoreOptions::default())?;
    let total = store.list(&ListQuery::default())?.total;
    for query in queries(total) {
        for _ in 0..TIMES {
            let started = Instant::now();
            let found = store.list(&query)?;
            let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
            if found.files.is_empty() && query.search.is_none() {
                bail!("an empty page: {query:?}");
            }
            println!(
                "{milliseconds:.3} {:?} reverse={} offset={} search={:?}",
                query.sort, query.reverse, query.offset, query.search
            );
        }
    }
    Ok(())
}

/// Each order both ways and each search, at the top, in the middle and near the end.
fn queries(total: u64) -> Vec<ListQuery> {
    let mut queries = Vec::new();
    let searches = [None, Some("prices"), Some("ab csv"), Some("0099")];
    for search in searches {
        for sort in [Sort::Added, Sort::Name, Sort::Size, Sort::Type] {
            for reverse in [false, true] {
                for tenth in [0, 5, 9] {
                    // A search finds fewer; how many, nobody knows beforehand.
                    let reach = if search.is_some() { total / 500 } else { total };
                    queries.push(ListQuery {
                        search: search.map(str::to_owned),
                        sort,
                        reverse,
                        offset: reach / 10 * tenth,
                        limit: Some(PAGE),
                        ..ListQuery::default()
                    });
                }
            }
        }
    }
    queries
}
