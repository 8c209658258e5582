//! export: a copy of a stored file, to a path or to stdout.

use std::io::{self, Read, Write};
use std::path::Path;

use redline_core::Session;
use sha2::{Digest, Sha256};

use super::json;
use crate::app::App;
use crate::args::Export;
use crate::failure::{Failure, Outcome, status};
use crate::interrupt::Interrupt;
use crate::progress::Bar;
use crate::words;

pub fn export(app: &App, a: &Export) -> Outcome {
    let to_stdout = a.dest == Path::new("-");
    if to_stdout && app.out.json {
        return Err(Failure::usage(
            "The bytes of a file cannot go to stdout together with JSON.",
            "Give a file or a folder, or leave out --json.",
        ));
    }
    let session = app.session()?;
    if to_stdout {
        return stream(app, &session, a.id);
    }
    let file = session.file(a.id)?;
    let interrupt = Interrupt::arm(&session)?;
    let mut bar = Bar::follow(&app.out, &session);
    let result = session.export_now(a.id, &a.dest);
    interrupt.end();
    bar.end();
    let bytes = result?;
    if app.out.json {
        app.out
            .object([("file", json(&file)?), ("bytes", bytes.into())])?;
    } else {
        app.out.summary(format!(
            "Saved \"{}\" ({}) to \"{}\".",
            words::name(&file.filename),
            words::size(bytes),
            words::name(&a.dest.to_string_lossy())
        ))?;
    }
    Ok(status::DONE)
}

/// Bytes that are written cannot be taken back, so a wrong hash is told at the end.
fn stream(app: &App, session: &Session, id: i64) -> Outcome {
    let (mut source, view) = session.open_file(id)?;
    let unreadable = |e: io::Error| {
        Failure::io(
            &format!("Could not read \"{}\"", words::name(&view.filename)),
            &e,
        )
    };
    let mut hash = Sha256::new();
    let mut buffer = vec![0_u8; 256 * 1024];
    app.out.flush()?;
    let mut stdout = io::stdout().lock();
    loop {
        let n = source.read(&mut buffer).map_err(unreadable)?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
        stdout.write_all(&buffer[..n])?;
    }
    stdout.flush()?;
    let found: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if !view.sha256.is_empty() && found != view.sha256 {
        return Err(Failure::new(
            status::FAILED,
            "damaged",
            format!(
                "\"{}\" is not what was stored: its SHA-256 differs.",
                words::name(&view.filename)
            ),
            format!("Run `redline verify {id}` to see what happened to it."),
        ));
    }
    Ok(status::DONE)
}
