//! `fuzz FOLDER OUT SECONDS [SEED]`: reads files of a folder with damage done to them, again and
//! again, all the way a conversion would. What panics, takes longer than ten seconds or more
//! memory than it may is kept in OUT, with a word for why; it belongs among the tests then.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redline_convert::*;

const SLOW: Duration = Duration::from_secs(10);
/// Past what the process had before.
const MOST_MEMORY: u64 = 640 << 20;
const LARGEST: u64 = 4 << 20;

/// xorshift64*: the same damage for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides.max(1)
    }
}

fn damage(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    const TELLING: [u8; 16] = [
        0, 1, 0x7F, 0x80, 0xFF, b'"', b'\'', b'\\', b'\n', b'\r', b',', b';', b'\t', b'{', b'[',
        b'0',
    ];
    for _ in 0..1 + dice.roll(6) {
        let at = dice.roll(bytes.len());
        let len = 1 + dice.roll(64).min(bytes.len().saturating_sub(at + 1));
        match dice.roll(8) {
            _ if bytes.is_empty() => bytes.push(TELLING[dice.roll(TELLING.len())]),
            0 => bytes[at] ^= 1 << dice.roll(8),
            1 => bytes[at] = TELLING[dice.roll(TELLING.len())],
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..(at + len).min(bytes.len()))),
            4 => {
                let piece = bytes[at..(at + len).min(bytes.len())].to_vec();
                let to = dice.roll(bytes.len());
                bytes.splice(to..to, piece);
            }
            5 if !other.is_empty() => {
                let from = dice.roll(other.len());
                let piece = other[from..(from + len).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            6 => {
                let number = [u32::MAX, 0, 1 << 31, 0x7FFF_FFFF][dice.roll(4)].to_le_bytes();
                let end = (at + 4).min(bytes.len());
                bytes[at..end].copy_from_slice(&number[..end - at]);
            }
            _ => bytes[at] = bytes[at].wrapping_add(1),
        }
    }
}

/// What went wrong, if it is our fault.
fn fault(path: &Path) -> Option<String> {
    let source = Source::new(path);
    let limits = Limits::default();
    let report = Options::parse([("on_reject", "report"), ("prove", "no")]).ok()?;
    let outcome = plan(&source, Format::Csv, &report, &limits, &()).and_then(|plan| {
        let out = path.with_extension("out");
        let done = convert(&plan, &out, &limits, &());
        let _ = fs::remove_file(&out);
        done.map(|_| ())
    });
    match outcome {
        Err(ConvertError::Engine { detail }) => Some(detail),
        _ => None,
    }
}

fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, out, seconds, seed @ ..] = arguments.as_slice() else {
        eprintln!("usage: fuzz FOLDER OUT SECONDS [SEED]");
        std::process::exit(2);
    };
    let seconds = seconds.parse().unwrap_or(60);
    let seed = seed.first().and_then(|s| s.parse().ok()).unwrap_or(1u64);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|p| {
            p.metadata()
                .is_ok_and(|m| m.is_file() && m.len() <= LARGEST)
        })
        .collect();
    files.sort();
    fs::create_dir_all(out)?;
    // Looked at by the watch while a file is read.
    let running = Arc::new((AtomicU64::new(0), Mutex::new(Instant::now())));
    let watch = Arc::clone(&running);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let since = *watch.1.lock().unwrap_or_else(PoisonError::into_inner);
            let number = watch.0.load(Ordering::Relaxed);
            if number > 0 && since.elapsed() > SLOW {
                println!("number {number} takes longer than {SLOW:?}");
            }
        }
    });
    let (began, mut dice) = (Instant::now(), Dice(seed | 1));
    let (mut number, mut found) = (0u64, 0u64);
    while began.elapsed() < Duration::from_secs(seconds) && !files.is_empty() {
        number += 1;
        let file = &files[dice.roll(files.len())];
        let mut bytes = fs::read(file)?;
        let other = fs::read(&files[dice.roll(files.len())])?;
        damage(&mut bytes, &other, &mut dice);
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let path = Path::new(out).join(format!("{number}-{name}"));
        fs::write(&path, &bytes)?;
        *running.1.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        running.0.store(number, Ordering::Relaxed);
        let (started, before) = (Instant::now(), peak_memory());
        let mut why = fault(&path);
        running.0.store(0, Ordering::Relaxed);
        if started.elapsed() > SLOW {
            why = Some(format!("took {:?}", started.elapsed()));
        }
        let peak = peak_memory();
        if peak > MOST_MEMORY && peak > before {
            why = Some(format!("{} MiB of memory", peak >> 20));
        }
        match why {
            Some(why) => {
                found += 1;
                println!("{}: {why}", path.display());
            }
            None => fs::remove_file(&path)?,
        }
    }
    println!("{number} files, {found} kept");
    Ok(())
}
