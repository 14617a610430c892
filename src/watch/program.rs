//! Runs a program with nothing of this process's environment, a time limit and a limit on what it may say.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;

/// Where programs are looked for.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What a program says beyond this is dropped.
const OUTPUT_BYTES_MAX: u64 = 8 << 20;

/// A program to run.
pub struct Program {
    /// Its name or path.
    pub name: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment besides `PATH` and the locale.
    pub env: Vec<(&'static str, String)>,
    /// Where it runs.
    pub dir: PathBuf,
    /// How long it may take.
    pub limit: Duration,
    /// Who it runs as: this process's own user when it is nobody else.
    pub user: Option<RunAs>,
}

/// A user and its group, without any other group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunAs {
    /// The number of the user.
    pub uid: u32,
    /// The number of the group.
    pub gid: u32,
}

/// Why a program gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is not installed, or may not be run.
    #[error("cannot run `{0}`: {1}")]
    Start(String, std::io::Error),
    /// It did not end in time.
    #[error("`{0}` took longer than {1} s and was ended")]
    Late(String, u64),
    /// It failed. The text is what it complained about.
    #[error("{1}")]
    Failed(String, String),
}

impl Program {
    /// Runs it to its end and gives what it wrote.
    ///
    /// # Errors
    /// When it cannot be started, takes too long, or ends badly.
    pub async fn run(self) -> Result<Vec<u8>, ProgramError> {
        let Self { name, args, env, dir, limit, user } = self;
        let mut command = tokio::process::Command::new(&name);
        command.args(args).env_clear().env("PATH", SEARCH_PATH).env("LC_ALL", "C").envs(env).current_dir(dir);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        if let Some(RunAs { uid, gid }) = user {
            command.uid(uid).gid(gid);
        }
        // Its children go with it.
        command.process_group(0);
        let mut child = command.spawn().map_err(|cause| ProgramError::Start(name.clone(), cause))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut group = Group(child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?)));
        let work = async { tokio::join!(child.wait(), read(stdout), read(stderr)) };
        let Ok((status, stdout, stderr)) = timeout(limit, work).await else {
            return Err(ProgramError::Late(name, limit.as_secs()));
        };
        // Its number may be another's from now on.
        group.0 = None;
        match status {
            Ok(status) if status.success() => Ok(stdout),
            Ok(status) => {
                let lines = String::from_utf8_lossy(&stderr);
                let lines: Vec<&str> = lines.lines().map(str::trim).filter(|line| !line.is_empty()).take(5).collect();
                let text = if lines.is_empty() { format!("`{name}` ended with {status}") } else { lines.join("; ") };
                Err(ProgramError::Failed(name, text))
            }
            Err(cause) => Err(ProgramError::Start(name, cause)),
        }
    }
}

/// The processes of a program. They end with whoever waits for them.
struct Group(Option<rustix::process::Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Gone already is as good.
            let _gone = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

async fn read(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // What was read before a failure is all there is. A program that says more than the limit is cut off there.
        let _cut = from.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes).await;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Program {
        let args = vec!["-c".to_owned(), script.to_owned()];
        let env = vec![("GIVEN", "yes".to_owned())];
        Program { name: "sh".to_owned(), args, env, dir: "/".into(), limit, user: None }
    }

    #[tokio::test]
    async fn a_program_sees_only_the_environment_that_it_is_given() {
        let said = shell("env", Duration::from_secs(20)).run().await.expect("ran");
        let said = String::from_utf8(said).expect("text");
        let names: std::collections::BTreeSet<&str> =
            said.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        let shells = ["PWD", "OLDPWD", "SHLVL", "_"];
        let given: Vec<&str> = names.into_iter().filter(|name| !shells.contains(name)).collect();
        assert_eq!(given, ["GIVEN", "LC_ALL", "PATH"]);
    }

    #[tokio::test]
    async fn a_failure_tells_what_the_program_complained_about() {
        let error = shell("echo no such thing >&2; exit 3", Duration::from_secs(20)).run().await.expect_err("failed");
        assert_eq!(error.to_string(), "no such thing");
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_ended_with_its_children() {
        let error = shell("sleep 1000 & wait", Duration::from_millis(200)).run().await.expect_err("late");
        assert!(matches!(error, ProgramError::Late(..)), "{error}");
    }

    #[tokio::test]
    async fn who_waits_no_longer_leaves_nothing_running() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("pid");
        let script = format!("sh -c 'echo $$ > {}; exec sleep 1000' & wait", file.display());
        let _late = timeout(Duration::from_millis(500), shell(&script, Duration::from_secs(600)).run()).await;
        let pid = std::fs::read_to_string(&file).expect("it has begun").trim().to_owned();
        let is_gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        for _ in 0..200 {
            if is_gone() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{pid} goes on");
    }
}
