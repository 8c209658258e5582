//! completions and man: made from the same definition as the help.

use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man as Page;

use crate::args::{Cli, Man};
use crate::failure::{Failure, Outcome, status};
use crate::words;

pub fn completions(shell: clap_complete::Shell) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "redline", &mut text);
    print(&text)
}

pub fn man(a: &Man) -> Outcome {
    if let Some(dir) = &a.dir {
        write_all(dir)?;
        return Ok(status::DONE);
    }
    let command = match &a.command {
        None => Cli::command(),
        Some(name) => match pages()
            .into_iter()
            .find(|c| c.get_name() == format!("redline-{name}"))
        {
            Some(command) => command,
            None => {
                return Err(Failure::usage(
                    format!("There is no command \"{}\".", words::name(name)),
                    "List them with `redline --help`.",
                ));
            }
        },
    };
    print(&rendered(command)?)
}

fn rendered(command: clap::Command) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    Page::new(command)
        .source(format!("Redline {}", redline_core::version()))
        .manual("Redline Manual")
        .render(&mut text)?;
    Ok(text)
}

/// The page of each command, under its full name.
fn pages() -> Vec<clap::Command> {
    let mut root = Cli::command();
    // Global options reach the commands only in a built tree.
    root.build();
    root.get_subcommands()
        .filter(|command| command.get_name() != "help")
        .map(|command| {
            command
                .clone()
                .name(format!("redline-{}", command.get_name()))
                .display_name(format!("redline-{}", command.get_name()))
        })
        .collect()
}

fn write_all(dir: &Path) -> Result<(), Failure> {
    let shown = words::name(&dir.to_string_lossy());
    let failed = |e: io::Error| {
        Failure::io(
            &format!("Could not write the manual pages into \"{shown}\""),
            &e,
        )
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    for command in std::iter::once(Cli::command()).chain(pages()) {
        let file = dir.join(format!("{}.1", command.get_name()));
        std::fs::write(file, rendered(command)?).map_err(failed)?;
    }
    Ok(())
}

fn print(text: &[u8]) -> Outcome {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text)?;
    stdout.flush()?;
    Ok(status::DONE)
}
