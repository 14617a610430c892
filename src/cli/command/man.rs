//! `seedbed man [DIR]`.

use std::path::{Path, PathBuf};

use clap::Args;
use clap_mangen::Man;

use crate::cli::arguments;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::screen::Screen;

/// The arguments of `seedbed man`.
#[derive(Args, Debug)]
pub struct ManArgs {
    /// Where to write one page for each command; without it, `seedbed.1` goes to standard output
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Writes the manual pages.
///
/// # Errors
/// When a page cannot be written.
pub fn run(args: &ManArgs, screen: Screen) -> Result<Exit, Failure> {
    match &args.directory {
        None => screen.write_exactly(&page()?)?,
        Some(directory) => write_all(directory, screen)?,
    }
    Ok(Exit::Done)
}

fn page() -> Result<String, Failure> {
    let mut text = Vec::new();
    Man::new(arguments::command())
        .render(&mut text)
        .map_err(|cause| Failure::because("render the manual page", &cause).exiting(Exit::Bug))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn write_all(directory: &Path, screen: Screen) -> Result<(), Failure> {
    let shown = directory.display();
    std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(arguments::command(), directory))
        .map_err(|cause| Failure::because(format!("write the manual pages to {shown}"), &cause))?;
    screen.say(&format!("Manual pages written to {shown}. Read them: man -l {shown}/seedbed.1"));
    Ok(())
}
