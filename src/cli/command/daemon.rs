//! `seedbed daemon`: runs the daemon in the foreground, as service managers want it.

use std::io::IsTerminal as _;
use std::path::Path;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::daemon::{self, DaemonOptions, HostChoice};
use crate::store::Timing;

/// The arguments of `seedbed daemon`.
#[derive(Args, Debug)]
pub struct DaemonArgs {
    /// The machine to work on
    #[arg(long, value_enum, default_value_t, value_name = "HOST")]
    host: HostArg,
    /// The group that may use the unix socket besides root
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// What is logged: error, warn, info, debug or trace, or a filter such as `info,seedbed::http=debug`
    #[arg(long, default_value = "info", env = "SEEDBED_LOG", value_name = "LEVEL")]
    log: String,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum HostArg {
    /// This machine; needs root
    #[default]
    Linux,
    /// An imagined machine that keeps its pools and networks in files of the state directory
    Fake,
}

/// Runs until it is told to stop.
///
/// # Errors
/// Why it cannot start.
pub async fn run(args: &DaemonArgs, state_dir: &Path) -> Result<Exit, Failure> {
    let filter = EnvFilter::try_new(&args.log)
        .map_err(|cause| Failure::usage(format!("`{}` is no log level: {cause}", args.log)))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let options = DaemonOptions {
        state_dir: state_dir.to_owned(),
        host: match args.host {
            HostArg::Linux => HostChoice::Linux,
            HostArg::Fake => HostChoice::Fake,
        },
        group: args.group.clone(),
        timing: Timing::default(),
        notify_socket: notify_socket(),
    };
    match daemon::run(options).await {
        Ok(()) => Ok(Exit::Done),
        Err(error) => Err(Failure::because("the daemon does not start", &error)),
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line is where the environment is read")]
fn notify_socket() -> Option<String> {
    std::env::var("NOTIFY_SOCKET").ok().filter(|socket| !socket.is_empty())
}
