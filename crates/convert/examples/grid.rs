//! `grid SOURCE`: opens a table as the grid on the screen does, goes through all of it, and then
//! asks for windows of 100 rows anywhere in it. A line for each: what, and its milliseconds.

use std::time::Instant;

use redline_convert::*;

const WINDOW: u64 = 100;
const JUMPS: u64 = 200;
/// Large and odd: places all over the table, the same in every run.
const STRIDE: u64 = 0x9E37_79B9_7F4A_7C15;

fn main() -> Result<(), ConvertError> {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: grid SOURCE");
        std::process::exit(2);
    };
    let (source, limits) = (Source::new(&path), Limits::default());
    let options = Options::default();
    let timed = |what: &str, began: Instant| {
        println!("{what} {:.2}", began.elapsed().as_secs_f64() * 1000.0);
    };

    let began = Instant::now();
    let first = open_grid(&source, &options, false, &limits, &())?;
    first.rows(0, WINDOW, None)?;
    timed("first", began);

    let began = Instant::now();
    let grid = open_grid(&source, &options, true, &limits, &())?;
    timed("whole", began);
    let rows = grid.row_count().unwrap_or(0);
    println!("rows {rows}");
    let last = rows.saturating_sub(WINDOW).max(1);
    let mut at = 0u64;
    for _ in 0..JUMPS {
        at = at.wrapping_add(STRIDE);
        let began = Instant::now();
        grid.rows(at % last, WINDOW, None)?;
        timed("jump", began);
    }
    // On from the middle, as the wheel does it.
    for step in 0..JUMPS {
        let began = Instant::now();
        grid.rows((last / 2 + step * WINDOW).min(last), WINDOW, None)?;
        timed("scroll", began);
    }
    Ok(())
}
