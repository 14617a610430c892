//! The command line: options that every command takes, the verbs, and one noun for each resource kind.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::command::{
    adopt, apply, audit, cluster, completions, config, confirm, daemon, drift, explain, export, get, history, hold,
    init, man, noun, plan, protect, schema, source, status, undelete, validate, waitready, watch, webhook,
};
use super::exit::Exit;
use super::sandbox;
use super::screen::{Colour, Format};
use crate::kinds::Kind;

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
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The state directory of the daemon to talk to (its socket is DIR/unix.socket) [env: SEEDBED_DIR] [default:
    /// /var/lib/seedbed]
    // A default, not clap's `env`: what stands in the environment is no word of the command line, and usage lines show none.
    #[arg(long, global = true, value_name = "DIR", default_value_os_t = state_dir(), hide_default_value = true)]
    pub state_dir: PathBuf,
    /// How data is written: table, json, yaml, csv or compact
    #[arg(short, long, global = true, value_enum, default_value_t, hide_possible_values = true)]
    pub format: Format,
    /// When to use colours: auto, always or never
    #[arg(long, global = true, value_enum, default_value_t, hide_possible_values = true, value_name = "WHEN")]
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
    /// Show what an apply would change
    Plan(plan::PlanArgs),
    /// Bring the cluster to what manifests say
    Apply(apply::ApplyArgs),
    /// Keep what was applied with --confirm
    Confirm(confirm::ConfirmArgs),
    /// Show what applies have done
    History(history::HistoryArgs),
    /// Keep the cluster at what a directory says, in the foreground
    Watch(watch::WatchArgs),
    /// Manage the directories and repositories that manifests come from by themselves
    Source(source::SourceArgs),
    /// Hand objects over to a source
    Adopt(adopt::AdoptArgs),
    /// See to it that nobody deletes objects
    Protect(protect::ProtectArgs),
    /// Call the removal of objects back while it is under way
    Undelete(undelete::UndeleteArgs),
    /// Show how every object stands on every member
    Status(status::StatusArgs),
    /// Show what differs from what manifests declared, or from what members made
    Drift(drift::DriftArgs),
    /// Keep sources and healing away from an object for a time
    Hold(hold::HoldArgs),
    /// Show who changed what, and check that nobody tampered with it
    Audit(audit::AuditArgs),
    /// Have addresses outside of the cluster told what happens in it
    Webhook(webhook::WebhookArgs),
    /// Print the stored state as a manifest
    Export(export::ExportArgs),
    /// List the objects of a kind, or show one
    Get(get::GetArgs),
    /// Manage the members
    Cluster(cluster::ClusterArgs),
    /// Manage the server configuration
    Config(config::ConfigArgs),
    /// Form a cluster, join one, or apply, as a manifest says
    Init(init::InitArgs),
    /// Run the daemon of this machine
    Daemon(daemon::DaemonArgs),
    /// Wait until the daemon answers
    Waitready(waitready::WaitreadyArgs),
    /// Explain a finding's code or a configuration key
    Explain(explain::ExplainArgs),
    /// Print the JSON Schema of manifests
    Schema(schema::SchemaArgs),
    /// Show a whole cluster on this machine, made from one manifest
    Sandbox(sandbox::SandboxArgs),
    /// Print the completions of a shell
    Completions(completions::CompletionsArgs),
    /// Write the manual pages
    Man(man::ManArgs),
}

/// What a command line asks for.
pub enum CommandLine {
    /// A verb.
    Verb(Verb),
    /// A noun with its own verb.
    Noun(&'static dyn Kind, ArgMatches),
}

/// The whole command line, with a noun for each resource kind.
pub fn command() -> Command {
    noun::nouns(Cli::command())
}

/// What a command line asks for.
///
/// # Errors
/// Help, the version, or what is wrong with it.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<(Global, CommandLine), clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let global = Global::from_arg_matches(&matches)?;
    if let Some((word, inner)) = matches.subcommand()
        && !Verb::has_subcommand(word)
        && let Some(kind) = noun::find(word)
    {
        return Ok((global, CommandLine::Noun(kind, inner.clone())));
    }
    Ok((global, CommandLine::Verb(Verb::from_arg_matches(&matches)?)))
}

fn state_dir() -> PathBuf {
    let named = std::env::var_os("SEEDBED_DIR").filter(|dir| !dir.is_empty());
    named.map_or_else(|| PathBuf::from("/var/lib/seedbed"), PathBuf::from)
}

fn exit_codes() -> String {
    let rows = Exit::TABLE.map(|(exit, meaning)| format!("  {:<3} {meaning}\n", exit.code()));
    format!("Exit codes:\n{}", rows.concat())
}
