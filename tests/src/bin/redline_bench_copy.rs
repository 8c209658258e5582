//! The peer of `cargo xtask bench convert`: DuckDB's own way from CSV to Parquet, with its defaults,
//! and the result synced to disk as ours is.

use std::fs::File;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, output] = &arguments[..] else {
        bail!("usage: redline_bench_copy SOURCE.csv OUTPUT.parquet");
    };
    let quoted = |path: &str| format!("'{}'", path.replace('\'', "''"));
    duckdb::Connection::open_in_memory()?.execute_batch(&format!(
        "COPY (FROM read_csv({})) TO {} (FORMAT parquet)",
        quoted(source),
        quoted(output)
    ))?;
    File::open(output)?.sync_all()?;
    Ok(())
}
