//! The command line: options that every command takes, the verbs, and one noun for each resource kind.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use super::command::{completions, man, schema, validate};
use super::exit::Exit;
use super::screen::{Colour, Format};

/// Keeps a cluster of container hosts in the state that a YAML file describes.
#[derive(Parser, Debug)]
#[command(name = "seedbed", version, arg_required_else_help = true, max_term_width = 110, after_help = exit_codes())]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// The state directory of the daemon to talk to (its socket is DIR/unix.socket)
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "SEEDBED_DIR",
        default_value = "/var/lib/seedbed",
        hide_env_values = true
    )]
    pub state_dir: PathBuf,
    /// How data is written
    #[arg(short, long, global = true, value_enum, default_value_t)]
    pub format: Format,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t)]
    pub color: Colour,
    /// Leave out everything but data and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// The commands that no resource kind brings with it.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Check manifests without any daemon
    Validate(validate::ValidateArgs),
    /// Print the JSON Schema of manifests
    Schema(schema::SchemaArgs),
    /// Print the completions of a shell
    Completions(completions::CompletionsArgs),
    /// Write the manual pages
    Man(man::ManArgs),
}

/// The whole command line, with a noun for each resource kind.
pub fn command() -> clap::Command {
    Cli::command()
}

fn exit_codes() -> String {
    let rows = Exit::TABLE.map(|(exit, meaning)| format!("  {:<3} {meaning}\n", exit.code()));
    format!("Exit codes:\n{}", rows.concat())
}
