//! Test data: bytes that do not compress and are the same in every run.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::Bench;
use crate::command;

/// xorshift64*: quick, and not a repeat anywhere near the sizes used here.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

pub fn one_file(path: &Path, bytes: u64, seed: u64) -> Result<()> {
    let mut noise = Noise::new(seed);
    let mut file =
        File::create(path).with_context(|| format!("could not create {}", path.display()))?;
    let mut buffer = vec![0; 1 << 20];
    let mut left = bytes;
    while left > 0 {
        let now = usize::try_from(left.min(buffer.len() as u64))?;
        noise.fill(&mut buffer[..now]);
        file.write_all(&buffer[..now])
            .with_context(|| format!("could not write {}", path.display()))?;
        left -= now as u64;
    }
    Ok(())
}

/// In folders of a thousand, since nobody has ten thousand files in one.
pub fn many_files(folder: &Path, count: u64, bytes: u64) -> Result<()> {
    for index in 0..count {
        let sub = folder.join(format!("{:03}", index / 1000));
        if index % 1000 == 0 {
            fs::create_dir_all(&sub)?;
        }
        one_file(
            &sub.join(format!("file-{index:06}.bin")),
            bytes,
            index * 2 + 1,
        )?;
    }
    Ok(())
}

/// A CSV of the kind people have, of about `bytes`: whole numbers, codes with leading zeros, prices,
/// measurements, dates, times, words, quoted text, and gaps. Gives the count of rows.
pub fn mixed(path: &Path, bytes: u64) -> Result<u64> {
    const NOTES: [&str; 5] = [
        "plain",
        "",
        "\"split, adjusted\"",
        "see \u{a7} 4",
        "\"said \"\"no\"\"\"",
    ];
    let mut noise = Noise::new(7);
    let mut out = Counted::create(path)?;
    writeln!(
        out,
        "id,code,day,at,ticker,open,close,measured,volume,active,note"
    )?;
    let mut row = 0u64;
    while out.written < bytes {
        let random = noise.next();
        let other = noise.next();
        let volume = match random % 20 {
            0 => String::new(),
            _ => ((random >> 30) % 10_000_000).to_string(),
        };
        writeln!(
            out,
            "{row},{:07},20{:02}-{:02}-{:02},2026-{:02}-{:02} {:02}:{:02}:{:02},T{:03},{}.{:02},{}.{:02},{},{volume},{},{}",
            row % 10_000_000,
            random % 25,
            (random >> 8) % 12 + 1,
            (random >> 16) % 28 + 1,
            (other >> 8) % 12 + 1,
            (other >> 16) % 28 + 1,
            (other >> 24) % 24,
            (other >> 32) % 60,
            (other >> 40) % 60,
            (random >> 24) % 500,
            (other >> 5) % 1000,
            (other >> 9) % 100,
            (other >> 15) % 1000,
            (other >> 19) % 100,
            (random >> 11) as f64 / (1u64 << 40) as f64,
            other.is_multiple_of(2),
            NOTES[usize::try_from((other >> 50) % 5)?],
        )?;
        row += 1;
    }
    out.flush()?;
    Ok(row)
}

/// Ten columns that a workbook holds exactly.
pub fn sheet(path: &Path, rows: u64) -> Result<()> {
    let mut noise = Noise::new(9);
    let mut out = Counted::create(path)?;
    writeln!(out, "id,a,b,c,d,e,f,day,name,flag")?;
    for row in 0..rows {
        let random = noise.next();
        writeln!(
            out,
            "{row},{},{},{}.{:02},{}.5,{},{},20{:02}-{:02}-{:02},name {},{}",
            random % 1000,
            (random >> 10) % 1_000_000,
            (random >> 20) % 1000,
            (random >> 30) % 100,
            (random >> 12) % 10_000,
            (random >> 40) % 7,
            (random >> 24) % 100_000,
            random % 25,
            (random >> 8) % 12 + 1,
            (random >> 16) % 28 + 1,
            (random >> 33) % 50_000,
            random.is_multiple_of(3),
        )?;
    }
    out.flush()?;
    Ok(())
}

/// A buffered file that knows how much went into it.
struct Counted {
    out: BufWriter<File>,
    written: u64,
}

impl Counted {
    fn create(path: &Path) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("could not create {}", path.display()))?;
        Ok(Self {
            out: BufWriter::with_capacity(1 << 20, file),
            written: 0,
        })
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = self.out.write(bytes)?;
        self.written += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// Before an hour's work, not in it. `instead`: what asks for less.
pub fn ensure_space(bench: &Bench<'_>, mib: u64, instead: &str) -> Result<()> {
    let free = command::output(Command::new("df").args(["-Pm"]).arg(&bench.scratch))?;
    let free: u64 = free
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().nth(3)?.parse().ok())
        .context("`df` did not say how much is free")?;
    ensure!(
        free >= mib,
        "this needs {mib} MiB in {}, and {free} are free: {instead}, or another --dir",
        bench.options.dir.display()
    );
    Ok(())
}

/// Everything written so far is on the disk, so that the next run does not pay for it.
pub fn settle() -> Result<()> {
    command::run(&mut Command::new("sync"))
}

/// `sync` of the one file system that `path` is on.
pub fn sync_file_system(path: &Path) -> Command {
    let mut command = Command::new("sync");
    command.arg("-f").arg(path);
    command
}
