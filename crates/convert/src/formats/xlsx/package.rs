//! The ZIP that a workbook is: its parts by name, each with a bound on what it may unpack
//! to. Sheets are unpacked on a thread of their own, ahead of whoever reads them.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::{ConvertError, Result};

/// Most that a part which describes the workbook may unpack to.
const SMALL: u64 = 64 << 20;
/// How much a sheet may unpack to, for each byte of the memory that a job may use. Sheets
/// stream, so it is time that this bounds: 32 GiB are more than a full sheet of numbers.
const SHEET_FACTOR: u64 = 64;
/// A workbook of a thousand sheets with drawings has fewer.
const MOST_PARTS: u64 = 1 << 17;
const BLOCK: usize = 256 << 10;
const AHEAD: usize = 4;

pub(super) struct Package {
    path: PathBuf,
    archive: ZipArchive<BufReader<File>>,
    memory: u64,
}

/// A part, as the archive's own list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub name: String,
    index: usize,
    pub packed: u64,
    pub unpacked: u64,
    pub crc: u32,
}

impl Package {
    pub(super) fn open(path: &Path, memory: u64) -> Result<Self> {
        let mut file = File::open(path)?;
        let mut head = Vec::new();
        (&mut file).take(4096).read_to_end(&mut head)?;
        if let Some(seen) = something_else(path, &head)? {
            return Err(unreadable(seen));
        }
        // The list of parts is held in memory, and a file can claim any number of them.
        if listed(&mut file)?.is_some_and(|parts| parts > MOST_PARTS) {
            return Err(unreadable(
                "a ZIP archive of more parts than a workbook has",
            ));
        }
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|e| match e {
            ZipError::Io(e) if e.kind() != io::ErrorKind::UnexpectedEof => {
                unpacking("its list of parts", e)
            }
            _ => unreadable(CUT),
        })?;
        Ok(Package {
            path: path.to_owned(),
            archive,
            memory,
        })
    }

    /// A part by its name, which packages compare without regard to case.
    pub(super) fn find(&mut self, name: &str) -> Result<Option<Part>> {
        let name = name.trim_start_matches('/');
        let exact = self.archive.index_for_name(name);
        let index = match exact {
            Some(index) => index,
            None => {
                let same = |n: &[u8]| {
                    let n: Vec<u8> = n
                        .iter()
                        .map(|b| if *b == b'\\' { b'/' } else { *b })
                        .collect();
                    n.eq_ignore_ascii_case(name.as_bytes())
                };
                match (0..self.archive.len()).find(|i| {
                    self.archive
                        .by_index_data(*i)
                        .is_ok_and(|entry| same(entry.name_raw()))
                }) {
                    Some(index) => index,
                    None => return Ok(None),
                }
            }
        };
        let entry = self
            .archive
            .by_index_raw(index)
            .map_err(|e| damaged(name, &e))?;
        if entry.encrypted() {
            return Err(unreadable("a ZIP archive with a password"));
        }
        Ok(Some(Part {
            name: name.to_owned(),
            index,
            packed: entry.compressed_size(),
            unpacked: entry.size(),
            crc: entry.crc32(),
        }))
    }

    /// A part that describes the workbook, whole.
    pub(super) fn small(&mut self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(part) = self.find(name)? else {
            return Ok(None);
        };
        let most = SMALL.min(self.memory / 4);
        if part.unpacked > most {
            return Err(self.too_large(&part, part.unpacked, most));
        }
        let mut bytes = Vec::new();
        let mut entry = self
            .archive
            .by_index(part.index)
            .map_err(|e| damaged(name, &e))?;
        let read = (&mut entry).take(most + 1).read_to_end(&mut bytes);
        drop(entry);
        read.map_err(|e| unpacking(name, e))?;
        if bytes.len() as u64 > most {
            return Err(self.too_large(&part, bytes.len() as u64, most));
        }
        Ok(Some(bytes))
    }

    /// A part as it unpacks, on this thread: for the shared strings.
    pub(super) fn stream(&mut self, part: &Part) -> Result<impl Read + '_> {
        self.archive
            .by_index(part.index)
            .map_err(|e| damaged(&part.name, &e))
    }

    /// A sheet, unpacked ahead on a thread of its own. Ends when what it returns is dropped.
    pub(super) fn ahead(&self, part: &Part) -> Result<Ahead> {
        let most = self.memory.saturating_mul(SHEET_FACTOR);
        if part.unpacked > most {
            return Err(self.too_large(part, part.unpacked, most));
        }
        let (send, blocks) = sync_channel::<io::Result<(Vec<u8>, u64)>>(AHEAD);
        let (path, index, total) = (self.path.clone(), part.index, part.packed);
        let declared = part.unpacked;
        thread::Builder::new()
            .name("unpack sheet".to_owned())
            .spawn(move || {
                let outcome = (|| -> io::Result<()> {
                    let file = BufReader::with_capacity(BLOCK, File::open(path)?);
                    let mut archive = ZipArchive::new(file).map_err(io::Error::other)?;
                    let mut entry = archive.by_index(index).map_err(io::Error::other)?;
                    let mut unpacked = 0u64;
                    loop {
                        let mut block = vec![0; BLOCK];
                        let mut length = 0;
                        while length < BLOCK {
                            match entry.read(&mut block[length..])? {
                                0 => break,
                                n => length += n,
                            }
                        }
                        if length == 0 {
                            return Ok(());
                        }
                        unpacked += length as u64;
                        if unpacked > declared {
                            return Err(io::Error::new(
                                io::ErrorKind::InvalidData,
                                "it unpacks to more than it declares",
                            ));
                        }
                        block.truncate(length);
                        // By the share unpacked: the place in the packed data is not told.
                        let place =
                            (total as u128 * unpacked as u128 / declared.max(1) as u128) as u64;
                        if send.send(Ok((block, place))).is_err() {
                            return Ok(());
                        }
                    }
                })();
                if let Err(e) = outcome {
                    let _ = send.send(Err(e));
                }
            })?;
        Ok(Ahead {
            blocks,
            block: Vec::new(),
            at: 0,
            place: 0,
        })
    }

    pub(super) fn memory(&self) -> u64 {
        self.memory
    }

    fn too_large(&self, part: &Part, unpacked: u64, most: u64) -> ConvertError {
        ConvertError::OutOfMemory {
            limit: self.memory,
            detail: format!(
                "{} unpacks to {unpacked} bytes, and {most} are the most that the setting memory allows",
                part.name
            ),
        }
    }
}

/// Blocks that another thread unpacks.
pub(super) struct Ahead {
    blocks: Receiver<io::Result<(Vec<u8>, u64)>>,
    block: Vec<u8>,
    at: usize,
    place: u64,
}

impl Ahead {
    /// Packed bytes gone through.
    pub(super) fn place(&self) -> u64 {
        self.place
    }
}

impl Read for Ahead {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() {
            match self.blocks.recv() {
                Ok(Ok((block, place))) => {
                    self.block = block;
                    self.place = place;
                    self.at = 0;
                }
                Ok(Err(e)) => return Err(e),
                Err(_) => return Ok(0),
            }
        }
        let n = out.len().min(self.block.len() - self.at);
        out[..n].copy_from_slice(&self.block[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

/// How the files of older Office programs begin, and encrypted ones of newer.
const COMPOUND: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
const CUT: &str = "a ZIP archive that is damaged or cut off";

fn unreadable(seen: impl Into<String>) -> ConvertError {
    ConvertError::Unreadable {
        what: "an Excel workbook".to_owned(),
        seen: seen.into(),
    }
}

fn damaged(part: &str, error: &ZipError) -> ConvertError {
    tracing::debug!(part, %error, "a part cannot be unpacked");
    unreadable(match error {
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => {
            format!("{part}, packed in a way that workbooks are not")
        }
        _ => format!("{part}, which is damaged"),
    })
}

/// An error while a part unpacks: damage in nearly every case.
pub(super) fn unpacking(part: &str, error: io::Error) -> ConvertError {
    match error.kind() {
        io::ErrorKind::InvalidData
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::Other => unreadable(format!("{part}, which is damaged ({error})")),
        _ => error.into(),
    }
}

/// How many parts a ZIP archive says it has, in the record at its end.
fn listed(file: &mut File) -> io::Result<Option<u64>> {
    let length = file.metadata()?.len();
    // The record takes 22 bytes, and a comment of up to 64 KiB may follow it.
    let tail = length.min(22 + 20 + (64 << 10));
    file.seek(SeekFrom::End(-(tail as i64)))?;
    let mut bytes = Vec::new();
    file.by_ref().take(tail).read_to_end(&mut bytes)?;
    file.rewind()?;
    let Some(at) = memchr::memmem::rfind(&bytes, b"PK\x05\x06") else {
        return Ok(None);
    };
    let Some(&[low, high]) = bytes.get(at + 10..at + 12) else {
        return Ok(None);
    };
    let short = u64::from(u16::from_le_bytes([low, high]));
    let wide = at
        .checked_sub(20)
        .and_then(|at| bytes.get(at..at + 20)?.strip_prefix(b"PK\x06\x07"));
    let Some(locator) = wide else {
        return Ok(Some(short));
    };
    let mut place = [0; 8];
    place.copy_from_slice(&locator[4..12]);
    file.seek(SeekFrom::Start(u64::from_le_bytes(place).min(length)))?;
    let mut record = Vec::new();
    file.by_ref().take(40).read_to_end(&mut record)?;
    file.rewind()?;
    Ok(record
        .get(32..40)
        .map(|n| u64::from_le_bytes([n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]]))
        .or(Some(short)))
}

/// What an older Office file is, which may well have a workbook's name; none for others.
pub(super) fn older(path: &Path) -> Option<ConvertError> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(8).read_to_end(&mut head).ok()?;
    if !head.starts_with(COMPOUND) {
        return None;
    }
    something_else(path, &head).ok()?.map(unreadable)
}

/// What a file that is no workbook of this kind seems to be.
fn something_else(path: &Path, head: &[u8]) -> io::Result<Option<&'static str>> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(None);
    }
    if !head.starts_with(COMPOUND) {
        return Ok(Some(match head {
            [] => "an empty file",
            _ if head.starts_with(b"\x09\x08") => "an Excel file from before 1997 (.xls)",
            _ if head.trim_ascii_start().starts_with(b"<") => "XML or a web page",
            _ => "a file that is no ZIP archive",
        }));
    }
    // A compound file: its folder names its streams in UTF-16, anywhere in the file. The
    // folder of a small one is near its start, of a large one often near its end.
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut seen = Vec::new();
    (&mut file).take(1 << 20).read_to_end(&mut seen)?;
    if length > 1 << 20 {
        io::Seek::seek(
            &mut file,
            io::SeekFrom::Start((length - (1 << 20)).max(1 << 20)),
        )?;
        (&mut file).take(1 << 20).read_to_end(&mut seen)?;
    }
    let names = |name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        memchr::memmem::find(&seen, &wide).is_some()
    };
    Ok(Some(if names("EncryptedPackage") {
        "an encrypted workbook: open it with its password and save it without one"
    } else if names("Workbook") || names("Book") {
        "a workbook in the older format (.xls): save it as .xlsx"
    } else {
        "an older Microsoft Office file"
    }))
}
