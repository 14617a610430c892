//! `seedbed daemon`: runs a member in the foreground, for a service manager or a person.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::check;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, chain};
use crate::cli::session::Session;
use crate::daemon::{self, DaemonError, DaemonOptions, Failpoint, Failpoints, HostChoice, SourceReading};
use crate::store::Timing;

/// The arguments of `seedbed daemon`.
#[derive(Args, Debug)]
pub struct DaemonArgs {
    /// The machine to work on
    #[arg(long, value_enum, default_value_t = HostWord::Linux)]
    host: HostWord,
    /// The group that may use the socket besides root
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// What to log: a level, or levels by module as in info,seedbed::store=debug
    #[arg(long, value_name = "LEVELS", env = "SEEDBED_LOG", default_value = "info")]
    log: String,
    /// How to log
    #[arg(long, value_enum, default_value_t = LogForm::Text)]
    log_form: LogForm,
    /// The user that parses the manifests of sources: one that owns nothing and may nothing [default: seedbed-source
    /// where there is one, or nobody]
    #[arg(long, value_name = "USER")]
    source_user: Option<String>,
    /// For tests of what a source may cost: the MiB of memory that parsing a set may take
    #[arg(long, hide = true, value_name = "MIB", default_value_t = 768)]
    source_memory_mib: u64,
    /// For tests of crashes: ends the process at this instant of a join, as kill -9 does
    #[arg(long, hide = true, value_name = "INSTANT")]
    crash_at: Option<Failpoint>,
    /// Only say what this machine can do and what is missing
    #[arg(long)]
    check: bool,
}

/// The machine that a daemon works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HostWord {
    /// This one; needs root.
    Linux,
    /// An imagined one, for trying things out; needs nothing.
    Fake,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogForm {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// Why it cannot start.
pub async fn run(args: &DaemonArgs, session: &Session) -> Result<Exit, Failure> {
    if args.check {
        return check::run(&session.state_dir, session.screen).await;
    }
    let host = match args.host {
        HostWord::Linux if !rustix::process::geteuid().is_root() => return Err(not_root()),
        HostWord::Linux => HostChoice::Linux,
        HostWord::Fake => HostChoice::Fake,
    };
    log(args)?;
    let options = DaemonOptions {
        state_dir: session.state_dir.clone(),
        host,
        group: args.group.clone(),
        timing: Timing::default(),
        notify_socket: std::env::var_os("NOTIFY_SOCKET").map(|socket| socket.to_string_lossy().into_owned()),
        sources: SourceReading::Apart {
            user: args.source_user.clone(),
            memory_bytes: args.source_memory_mib.saturating_mul(1 << 20),
        },
        crash: Failpoints(args.crash_at),
    };
    daemon::run(options).await.map_err(|error| told(&error))?;
    Ok(Exit::Done)
}

fn told(error: &DaemonError) -> Failure {
    let failure = Failure::new(Exit::Failed, chain(error));
    if matches!(error, DaemonError::Stopped(_)) {
        return failure.hint("set that right; a service manager that restarts it lets it go on by itself then");
    }
    let failure = failure.untouched("Nothing in the state directory was changed.");
    match error {
        DaemonError::Busy(_) => failure.exiting(Exit::Refused),
        DaemonError::StateDir { .. }
        | DaemonError::NoGroup(_)
        | DaemonError::NoUser(_)
        | DaemonError::Unreadable { .. }
        | DaemonError::Store(_)
        | DaemonError::Stopped(_)
        | DaemonError::Certificate { .. }
        | DaemonError::Api(_)
        | DaemonError::Client(_) => failure,
    }
}

fn not_root() -> Failure {
    Failure::new(Exit::Refused, "the daemon makes pools and bridges on this machine, and only root may do that")
        .hint("run it as root, or on an imagined machine: seedbed daemon --host fake --state-dir DIR")
}

fn log(args: &DaemonArgs) -> Result<(), Failure> {
    // Raft tells at every try that a peer is away, and calls a clean stop an error. The daemon says once what matters, in its
    // own words: whatever ends Raft stops the store.
    let levels = format!("openraft=off,{}", args.log);
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse(levels);
    let filter = filter.map_err(|cause| {
        Failure::usage(format!("`{}` are no log levels: {cause}", args.log))
            .hint("as in --log info,seedbed::store=debug")
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match args.log_form {
        LogForm::Text => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogForm::Json => log.json().try_init(),
    };
    set.map_err(|cause| Failure::because("start the log", cause.as_ref()))
}
