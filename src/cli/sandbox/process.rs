//! The daemons of a sandbox as processes. Only those that the sandbox started are ever ended.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::plot::Plot;
use crate::cli::failure::Failure;

/// How long a daemon may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts the daemon of a member, in its namespace when it has one, and out of reach of this terminal's Ctrl-C.
///
/// # Errors
/// What the system says.
pub fn start(plot: &Plot, host: &str) -> Result<Child, Failure> {
    use std::os::unix::process::CommandExt;

    let doing = || format!("start the daemon of {}", plot.name);
    let failed = |cause: std::io::Error| Failure::because(doing(), &cause);
    std::fs::create_dir_all(&plot.state_dir).map_err(failed)?;
    let log = File::create(log_file(plot)).map_err(failed)?;
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = match &plot.namespace {
        Some(space) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", space]).arg(&program);
            command
        }
        None => Command::new(&program),
    };
    command.arg("daemon").arg("--state-dir").arg(&plot.state_dir).args(["--host", host]);
    command.stdin(Stdio::null()).stdout(log.try_clone().map_err(failed)?).stderr(log).process_group(0);
    command.spawn().map_err(failed)
}

/// Where a daemon's log goes.
pub fn log_file(plot: &Plot) -> std::path::PathBuf {
    plot.state_dir.with_extension("log")
}

/// The last lines of a daemon's log.
pub fn log_tail(plot: &Plot) -> Vec<String> {
    let text = std::fs::read_to_string(log_file(plot)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(8)).map(|line| (*line).to_owned()).collect()
}

/// Asks processes to end, and ends those that do not. Each must be the daemon of its directory: a number may have
/// been given to another process since.
pub async fn end(daemons: &[(u32, &Path)]) {
    let ours: Vec<u32> = daemons.iter().filter(|(pid, dir)| is_daemon_of(*pid, dir)).map(|(pid, _)| *pid).collect();
    for pid in &ours {
        send(*pid, Signal::TERM);
    }
    let start = Instant::now();
    while start.elapsed() < PATIENCE && ours.iter().any(|pid| is_alive(*pid)) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for pid in ours.into_iter().filter(|pid| is_alive(*pid)) {
        send(pid, Signal::KILL);
    }
}

/// Ends one process at once.
pub fn kill(pid: u32) {
    send(pid, Signal::KILL);
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // A process that has ended by itself is what was asked for.
        let _ = kill_process(pid, signal);
    }
}

fn is_daemon_of(pid: u32, state_dir: &Path) -> bool {
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    arguments.split(|byte| *byte == 0).any(|word| word == state_dir.as_os_str().as_encoded_bytes())
}

// A child that has ended and was not waited for is a zombie: it has no command line any more.
fn is_alive(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| !words.is_empty())
}
