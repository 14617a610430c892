//! Running other programs: one place for time limits, the locale, and words on what is missing.

use std::fmt;
use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::failure::tool_failure;
use crate::host::HostError;

/// A program to run.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// Its name, looked up in `PATH` and the system directories.
    pub program: &'static str,
    /// Its arguments.
    pub args: Vec<String>,
    /// What it reads; may hold secrets, so that it is never shown.
    pub stdin: Vec<u8>,
    /// How long it may take.
    pub limit: Duration,
}

/// What a program left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

/// What [`Runner::run`] returns.
pub type RunFuture<'a> = Pin<Box<dyn Future<Output = Result<Output, HostError>> + Send + 'a>>;

/// Runs programs.
pub trait Runner: Send + Sync {
    /// Runs it to its end. A program that fails is no error here: see [`Output::checked`].
    fn run(&self, command: Command) -> RunFuture<'_>;
}

impl Command {
    /// A program with arguments, nothing to read, and a minute's time.
    pub fn new<S: Into<String>>(program: &'static str, args: impl IntoIterator<Item = S>) -> Self {
        Self {
            program,
            args: args.into_iter().map(Into::into).collect(),
            stdin: Vec::new(),
            limit: Duration::from_secs(60),
        }
    }

    /// The same program reading `stdin`.
    #[must_use]
    pub fn reading(mut self, stdin: impl Into<Vec<u8>>) -> Self {
        self.stdin = stdin.into();
        self
    }

    /// The same program with another time limit.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program)?;
        self.args.iter().try_for_each(|arg| if arg.contains(' ') { write!(f, " '{arg}'") } else { write!(f, " {arg}") })
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl Output {
    /// Whether the program ended well.
    pub fn is_good(&self) -> bool {
        self.code == Some(0)
    }

    /// What the program wrote.
    ///
    /// # Errors
    /// What it complained about, when it did not end well.
    pub fn checked(self, doing: &str) -> Result<String, HostError> {
        if self.is_good() { Ok(self.stdout) } else { Err(tool_failure(doing, &self.complaint())) }
    }

    /// What the program complained about, in one line.
    pub fn complaint(&self) -> String {
        let text = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        match (lines.is_empty(), self.code) {
            (false, _) => lines.join("; "),
            (true, Some(code)) => format!("it ended with exit code {code} and said nothing"),
            (true, None) => "it was ended by a signal".to_owned(),
        }
    }
}

/// The programs of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tools;

/// Daemons are often started with a short PATH; administration tools live in sbin.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin";

impl Runner for Tools {
    fn run(&self, command: Command) -> RunFuture<'_> {
        Box::pin(async move {
            tracing::debug!(%command, "running");
            match tokio::time::timeout(command.limit, spawn(&command)).await {
                Ok(Ok(output)) => Ok(output),
                Ok(Err(cause)) => Err(not_started(&command, &cause)),
                Err(_) => Err(HostError::passing(
                    format!("run `{command}`"),
                    "ToolTimeout",
                    format!("it did not end within {} s and was stopped", command.limit.as_secs()),
                )),
            }
        })
    }
}

async fn spawn(command: &Command) -> std::io::Result<Output> {
    let mut child = tokio::process::Command::new(command.program)
        .args(&command.args)
        .env("LC_ALL", "C")
        .env("PATH", SEARCH_PATH)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let input = child.stdin.take();
    let feed = async {
        if let Some(mut input) = input {
            // A program that does not read its input to the end tells by its exit code what is wrong.
            let _ = input.write_all(&command.stdin).await;
        }
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    let output = output?;
    Ok(Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn not_started(command: &Command, cause: &std::io::Error) -> HostError {
    let doing = format!("run `{command}`");
    if cause.kind() != ErrorKind::NotFound {
        return HostError::passing(doing, "ToolFailed", cause);
    }
    let error = HostError::lasting(doing, "MissingTool", format!("the program `{}` is not installed", command.program));
    match debian_package(command.program) {
        Some(package) => error.hinting(format!("install it: apt install {package}")),
        None => error,
    }
}

/// The Debian package that holds a program.
pub fn debian_package(program: &str) -> Option<&'static str> {
    Some(match program {
        "btrfs" | "mkfs.btrfs" => "btrfs-progs",
        "zfs" | "zpool" => "zfsutils-linux",
        "lvm" | "lvs" | "vgs" | "pvs" | "vgcreate" | "lvcreate" | "vgremove" | "pvcreate" | "pvremove" | "vgchange"
        | "lvremove" | "vgextend" | "pvresize" | "lvextend" => "lvm2",
        "thin_check" => "thin-provisioning-tools",
        "mount" | "umount" | "losetup" => "mount",
        "blkid" | "wipefs" | "lsblk" => "util-linux",
        "dnsmasq" => "dnsmasq-base",
        "nft" => "nftables",
        "ip" | "bridge" => "iproute2",
        "rsync" => "rsync",
        "unsquashfs" | "mksquashfs" => "squashfs-tools",
        "lxc-start" | "lxc-stop" | "lxc-info" | "lxc-attach" => "lxc",
        "git" => "git",
        _ => return None,
    })
}

#[cfg(test)]
pub mod recorded {
    //! A runner that answers from a list: tests pin every command line.

    use std::collections::VecDeque;
    use std::sync::Mutex;

    use super::{Command, HostError, Output, RunFuture, Runner, not_started};

    /// Answers in order, and remembers what was asked.
    #[derive(Default)]
    pub struct Recorded {
        answers: Mutex<VecDeque<Option<Output>>>,
        asked: Mutex<Vec<Command>>,
    }

    impl Recorded {
        /// Answers the next command: it ends with `code` and writes this.
        #[must_use]
        pub fn answer(self, code: i32, stdout: &str, stderr: &str) -> Self {
            let output = Output { code: Some(code), stdout: stdout.to_owned(), stderr: stderr.to_owned() };
            self.answers.lock().expect("no test panics while holding it").push_back(Some(output));
            self
        }

        /// The next command's program is not installed.
        #[must_use]
        pub fn missing(self) -> Self {
            self.answers.lock().expect("no test panics while holding it").push_back(None);
            self
        }

        /// The command lines so far.
        pub fn lines(&self) -> Vec<String> {
            self.asked.lock().expect("no test panics while holding it").iter().map(ToString::to_string).collect()
        }

        /// What the commands so far were given to read.
        pub fn inputs(&self) -> Vec<String> {
            let asked = self.asked.lock().expect("no test panics while holding it");
            asked.iter().map(|command| String::from_utf8_lossy(&command.stdin).into_owned()).collect()
        }
    }

    impl Runner for Recorded {
        fn run(&self, command: Command) -> RunFuture<'_> {
            let answer = self.answers.lock().expect("no test panics while holding it").pop_front();
            self.asked.lock().expect("no test panics while holding it").push(command.clone());
            let result: Result<Output, HostError> = match answer {
                Some(Some(output)) => Ok(output),
                Some(None) => Err(not_started(&command, &std::io::ErrorKind::NotFound.into())),
                None => panic!("no answer was recorded for `{command}`"),
            };
            Box::pin(std::future::ready(result))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_reads_writes_and_tells_how_it_ended() {
        let output =
            Tools.run(Command::new("sh", ["-c", "cat; echo $LC_ALL; echo bad >&2; exit 3"]).reading("in ")).await;
        let output = output.expect("it ran");
        assert_eq!((output.code, output.stdout.as_str()), (Some(3), "in C\n"));
        let error = output.checked("try it").expect_err("it failed");
        assert_eq!((error.reason, error.to_string().as_str()), ("ToolFailed", "try it: bad"));
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_stopped() {
        let command = Command::new("sleep", ["60"]).within(Duration::from_millis(1));
        assert_eq!(Tools.run(command).await.expect_err("stopped").reason, "ToolTimeout");
    }

    #[tokio::test]
    async fn a_missing_program_is_named_with_its_package() {
        let missing = not_started(&Command::new("zpool", ["list"]), &ErrorKind::NotFound.into());
        let text = "run `zpool list`: the program `zpool` is not installed; install it: apt install zfsutils-linux";
        assert_eq!((missing.reason, missing.to_string().as_str()), ("MissingTool", text));
        let error = Tools.run(Command::new("seedbed-no-such-tool", ["x"])).await.expect_err("missing");
        assert_eq!(error.reason, "MissingTool");
    }

    #[test]
    fn what_a_program_reads_is_never_shown() {
        let command = Command::new("nft", ["-f", "-"]).reading("secret");
        assert_eq!(format!("{command:?}"), "`nft -f -`");
    }
}
