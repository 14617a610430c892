//! The command line. Everything a person reads or types goes through here; no other layer prints.

mod arguments;
mod command;
mod exit;
pub mod failure;
pub mod input;
pub mod screen;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{FromArgMatches, error::ErrorKind};

pub use arguments::command as grammar;
pub use exit::Exit;
pub use failure::{Failure, chain};

use arguments::{Cli, Verb};
use screen::Screen;

/// Runs the program on the arguments of this process.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{}", bug_report(&panic.to_string()));
        std::process::exit(i32::from(Exit::Bug.code()));
    }));
    run(std::env::args_os()).into()
}

/// Runs one command line.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match arguments::command().try_get_matches_from(arguments).and_then(|all| Cli::from_arg_matches(&all)) {
        Ok(cli) => cli,
        Err(refusal) => return explain(&refusal),
    };
    let screen = Screen::new(cli.global.format, cli.global.color, cli.global.quiet);
    match dispatch(&cli, screen) {
        Ok(exit) => exit,
        Err(failure) => screen.fail(&failure),
    }
}

fn dispatch(cli: &Cli, screen: Screen) -> Result<Exit, Failure> {
    match &cli.verb {
        Verb::Validate(args) => command::validate::run(args, screen),
        Verb::Schema(args) => command::schema::run(args, screen),
        Verb::Completions(args) => command::completions::run(args, screen),
        Verb::Man(args) => command::man::run(args, screen),
    }
}

// Help and version are no failures; everything else that clap refuses is a usage error.
fn explain(refusal: &clap::Error) -> Exit {
    let _ = refusal.print();
    match refusal.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
        _ => Exit::Usage,
    }
}

fn bug_report(panic: &str) -> String {
    format!(
        "seedbed {} has met a bug: {panic}\nYour cluster's state is safe: it is only changed by committed log entries.\n\
         Please report this text and what you ran.",
        env!("CARGO_PKG_VERSION")
    )
}
