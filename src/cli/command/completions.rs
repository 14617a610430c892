//! `seedbed completions SHELL`.

use clap::{Args, Command};
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
    clap_complete::generate(args.shell, &mut offered(&arguments::command()), "seedbed", &mut text);
    screen.write_exactly(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}

/// The command with nothing but what its help shows: shells would offer hidden options too.
fn offered(command: &Command) -> Command {
    let shown = |text: Option<&clap::builder::StyledStr>| text.cloned().unwrap_or_default();
    // Names of commands live as long as the program, which ends when these are printed.
    let lasting = |name: &str| -> &'static str { name.to_owned().leak() };
    let bare = Command::new(lasting(command.get_name()))
        .about(shown(command.get_about()))
        .visible_aliases(command.get_visible_aliases().map(lasting))
        .disable_help_subcommand(true)
        .args(command.get_arguments().filter(|arg| !arg.is_hide_set()).cloned());
    bare.subcommands(command.get_subcommands().filter(|command| !command.is_hide_set()).map(offered))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn options_that_mean_nothing_for_a_kind_are_not_offered() {
        let root = offered(&arguments::command());
        let create = |noun: &str| {
            let noun = root.find_subcommand(noun).expect("a noun").find_subcommand("create").expect("a verb");
            noun.get_arguments().filter_map(clap::Arg::get_long).collect::<BTreeSet<&str>>()
        };
        assert_eq!(create("storage"), BTreeSet::from(["description", "target"]));
        assert_eq!(create("network"), BTreeSet::from(["type", "description", "target", "project"]));
        assert_eq!(create("profile"), BTreeSet::from(["description", "project"]));
        assert_eq!(create("project"), BTreeSet::from(["description"]));
    }
}
