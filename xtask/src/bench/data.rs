//! Test data: bytes that do not compress and are the same in every run.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result};

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

/// A CSV of the kind people have: dates, prices, volumes, a name with a comma now and then.
pub fn table(path: &Path, rows: u64) -> Result<()> {
    let mut noise = Noise::new(7);
    let file =
        File::create(path).with_context(|| format!("could not create {}", path.display()))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    writeln!(out, "id,day,ticker,open,close,volume,note")?;
    for row in 0..rows {
        let random = noise.next();
        let (open, close) = (random % 100_000, (random >> 20) % 100_000);
        writeln!(
            out,
            "{row},20{:02}-{:02}-{:02},T{:03},{}.{:02},{}.{:02},{},{}",
            random % 25,
            (random >> 8) % 12 + 1,
            (random >> 16) % 28 + 1,
            (random >> 24) % 500,
            open / 100,
            open % 100,
            close / 100,
            close % 100,
            (random >> 30) % 10_000_000,
            if random.is_multiple_of(50) {
                "\"split, adjusted\""
            } else {
                "plain"
            }
        )?;
    }
    out.flush()?;
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
