//! `seedbed completions SHELL`.

use clap::Args;
use clap_complete::Shell;

use crate::cli::arguments;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::screen::Screen;

/// The arguments of `seedbed completions`.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell, as in `seedbed completions bash > /etc/bash_completion.d/seedbed`
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the completions.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: &CompletionsArgs, screen: Screen) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut arguments::command(), "seedbed", &mut text);
    screen.write_exactly(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}
