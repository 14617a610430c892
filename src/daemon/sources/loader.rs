//! Who parses the manifests of a source: a process that has nothing to lose.
//!
//! What stands in a source was written by whoever may commit there, and a YAML parser is a large program. So the daemon,
//! which is root, only finds the files and reads their bytes: regular ones, below the source, never more than is meant
//! (`crate::watch`). Their text is looked at in a child of the same program, which is handed the bytes and hands back
//! what they declare. It is another user without rights, opens no file and no socket, starts nothing, has little memory
//! and time, and ends with the daemon (`crate::host::linux::confine`).
//!
//! The other way would be that the child reads the directory itself. It would have to be let in: where the directory is
//! root's alone, as those with passwords are, it could not, and the daemon would have to read as before; and a child
//! that can open files can be made to open others. Handing over bytes is the stronger of the two, and works wherever
//! root can read. What stays with the daemon are names, lengths, the digest, and the patterns of `.seedbedignore`.
//! Secrets stay there, too: the child is handed the reference and hands it back.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::geteuid;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader, BufWriter};
use tokio::process::{ChildStdin, Command};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::super::error::DaemonError;
use super::super::options::SourceReading;
use super::unread::{Unread, Why};
use crate::host::linux::{Bounds, User};
use crate::watch::git::{is_open_to_all, needs_no_files};
use crate::watch::handed::{Answer, Header, Said};
use crate::watch::{RawSource, Recipe, RunAs, Tree, load};

/// The program that is running, whatever stands in its place on the disk by now, and wherever the user may look.
const THIS_PROGRAM: &str = "/proc/self/exe";
/// So many sets are read at a time: each takes a core, and memory.
const PLACES: usize = 2;
/// Seconds of processor time for a set. The largest that are allowed take a tenth of it.
const PROCESSOR_S: u64 = 30;
/// A machine that has no more to give in this time is busy with something else.
const LIMIT: Duration = Duration::from_secs(90);
/// What a set declares, as JSON.
const ANSWER_BYTES_MAX: u64 = 96 << 20;
/// Of what a child complains about, this much is looked at.
const COMPLAINT_BYTES_MAX: u64 = 4 << 10;
/// Files are small, and pipes take more at once.
const CHUNK_BYTES: usize = 256 << 10;
/// Who reads, when nobody is named: the first of these that there is.
const USERS: [&str; 2] = ["seedbed-source", "nobody"];

/// Parses sets.
pub enum Loader {
    /// In this process.
    Here,
    /// In a process for each set.
    Apart {
        /// How it is started.
        apart: Box<Apart>,
        /// Who git runs as, where it needs nothing of root's.
        git: Option<RunAs>,
    },
}

/// How a process that reads a set is started.
pub struct Apart {
    program: PathBuf,
    /// This process's own when there is none.
    user: Option<User>,
    bounds: Bounds,
    limit: Duration,
    places: Semaphore,
}

impl Loader {
    /// The loader that the command line asks for. Says in the log who will read.
    ///
    /// # Errors
    /// When the user that is named does not exist.
    pub fn new(reading: &SourceReading, state_dir: &Path) -> Result<Self, DaemonError> {
        let SourceReading::Apart { user, memory_bytes } = reading else { return Ok(Self::Here) };
        let (user, bounds) =
            (find_user(user.as_deref())?, Bounds { memory_bytes: *memory_bytes, processor_s: PROCESSOR_S });
        let git = user.as_ref().and_then(|user| git_user(user, state_dir));
        Ok(Self::Apart { apart: Box::new(Apart::new(THIS_PROGRAM.into(), user, bounds, LIMIT)), git })
    }

    /// Who git runs as to fetch from an address: this process's own user when it is nobody else.
    pub fn git_user(&self, url: &str) -> Option<RunAs> {
        match self {
            Self::Here => None,
            Self::Apart { git, .. } => git.filter(|_| needs_no_files(url)),
        }
    }

    /// What a tree declares.
    ///
    /// # Errors
    /// When nobody can tell: the process that read it has ended before it was done.
    pub async fn load(&self, tree: Tree, recipe: Recipe) -> Result<Answer, Unread> {
        match self {
            Self::Here => {
                let work = tokio::task::spawn_blocking(move || Answer::from(load(tree, &recipe)));
                work.await.map_err(|cause| Unread::at_all(Why::Crashed(cause.to_string())))
            }
            Self::Apart { apart, .. } => apart.load(tree.roots, &recipe).await,
        }
    }
}

fn find_user(named: Option<&str>) -> Result<Option<User>, DaemonError> {
    if !geteuid().is_root() {
        tracing::info!("sources are read by processes of the daemon's own user: only root can choose another");
        return Ok(None);
    }
    let find = |name: &str| User::find(name).map_err(|cause| DaemonError::disk("read", "/etc/passwd", cause));
    let user = match named {
        Some(name) => Some(find(name)?.ok_or_else(|| DaemonError::NoUser(name.to_owned()))?),
        None => USERS.iter().find_map(|name| find(name).ok().flatten()),
    };
    match &user {
        Some(user) if user.uid == 0 => {
            tracing::warn!("sources are read by processes that are root, as it was asked for")
        }
        Some(user) => tracing::info!(user = %user.name, uid = user.uid, "sources are read by processes of this user"),
        None => {
            tracing::warn!("sources are read by processes that are root: there is no user `nobody`; see --source-user")
        }
    }
    Ok(user)
}

/// Git keeps what it fetches, so that it runs only as somebody that no other program is: whatever else is `nobody` could
/// read a private repository, and change what it says.
fn git_user(user: &User, state_dir: &Path) -> Option<RunAs> {
    if user.is_shared() || user.uid == 0 {
        return None;
    }
    if !is_open_to_all(state_dir) {
        let (user, dir) = (&user.name, state_dir.display());
        tracing::warn!(%user, %dir, "git runs as root: the user cannot get to what lies below the state directory");
        return None;
    }
    Some(RunAs { uid: user.uid, gid: user.gid })
}

impl Apart {
    fn new(program: PathBuf, user: Option<User>, bounds: Bounds, limit: Duration) -> Self {
        Self { program, user, bounds, limit, places: Semaphore::new(PLACES) }
    }

    async fn load(&self, roots: Vec<Vec<RawSource>>, recipe: &Recipe) -> Result<Answer, Unread> {
        // The semaphore is never closed: without a permit nothing would be amiss but the number.
        let _permit = self.places.acquire().await;
        let header = Header::of(&roots, recipe);
        let paths = header.paths();
        let header = header.bytes().map_err(|cause| Unread::at_all(Why::Start(cause)))?;
        let (command, bounds, limit) = (self.command(), self.bounds, self.limit);
        let (waiting, waits_no_longer) = oneshot::channel::<()>();
        // The kernel ends a child with the thread that started it: this one is there for nothing else.
        let work = tokio::task::spawn_blocking(move || {
            Handle::current().block_on(async {
                tokio::select! {
                    heard = timeout(limit, converse(command, header, roots, bounds)) => heard.unwrap_or(Err((Why::Late(limit), None))),
                    _ = waits_no_longer => Err((Why::Killed, None)),
                }
            })
        });
        let heard = work.await;
        drop(waiting);
        let heard = heard.unwrap_or_else(|cause| Err((Why::Crashed(cause.to_string()), None)));
        heard.map_err(|(why, number)| Unread { why, path: number.and_then(|number| paths.get(number).cloned()) })
    }

    fn command(&self) -> Command {
        let Bounds { memory_bytes, processor_s } = self.bounds;
        let mut command = Command::new(&self.program);
        command.arg0("seedbed").args(["read-source", &memory_bytes.to_string(), &processor_s.to_string()]);
        command.env_clear().current_dir("/").process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(user) = &self.user {
            // With the user all groups but this one are left behind.
            command.uid(user.uid).gid(user.gid);
        }
        command
    }
}

/// What was in the way, and the number of the file that was being read.
type Failed = (Why, Option<usize>);

async fn converse(
    mut command: Command,
    header: Vec<u8>,
    roots: Vec<Vec<RawSource>>,
    bounds: Bounds,
) -> Result<Answer, Failed> {
    let mut child = command.spawn().map_err(|cause| (Why::Start(cause), None))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (_, heard, complaint, status) =
        tokio::join!(hand_over(stdin, header, roots), listen(stdout), complaint(stderr), child.wait());
    let (at, answer) = heard;
    let status = status.map_err(|cause| (Why::Start(cause), at))?;
    match (answer, Why::of_end(status, &complaint, bounds)) {
        (Ok(Some(answer)), None) => Ok(answer),
        // Whoever says too much is hung up on, and ends badly for that.
        (Err(why), _) | (Ok(_), Some(why)) => Err((why, at)),
        (Ok(None), None) => Err((Why::Garbled("it said nothing".to_owned()), at)),
    }
}

/// Hands the files over, each gone from this process when it is written. A child that takes no more tells by its end.
async fn hand_over(to: Option<ChildStdin>, header: Vec<u8>, roots: Vec<Vec<RawSource>>) -> io::Result<()> {
    let Some(to) = to else { return Ok(()) };
    let mut to = BufWriter::with_capacity(CHUNK_BYTES, to);
    to.write_all(&header).await?;
    for file in roots.into_iter().flatten() {
        to.write_all(&file.bytes).await?;
    }
    to.shutdown().await
}

/// The file that was read last, and the answer when there is one.
async fn listen(from: Option<impl AsyncRead + Unpin>) -> (Option<usize>, Result<Option<Answer>, Why>) {
    let mut at = None;
    let Some(from) = from else { return (at, Ok(None)) };
    let mut from = BufReader::new(from.take(ANSWER_BYTES_MAX));
    let mut line = Vec::new();
    loop {
        line.clear();
        let is_line = from.read_until(b'\n', &mut line).await.is_ok() && line.ends_with(b"\n");
        if !is_line {
            let is_cut = from.get_ref().limit() == 0;
            return (at, if is_cut { Err(Why::TooMuch(ANSWER_BYTES_MAX)) } else { Ok(None) });
        }
        match serde_json::from_slice(&line) {
            Ok(Said::Reading(number)) => at = number,
            Ok(Said::Read(answer)) => return (at, Ok(Some(answer))),
            Err(cause) => return (at, Err(Why::Garbled(cause.to_string()))),
        }
    }
}

async fn complaint(from: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // What was read before a failure is all there is.
        let _cut = from.take(COMPLAINT_BYTES_MAX).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Instant;

    use tempfile::TempDir;

    use super::*;

    const BOUNDS: Bounds = Bounds { memory_bytes: 64 << 20, processor_s: 7 };

    /// A program that takes what it is handed, and then does what a script says.
    fn apart(script: &str, limit: Duration) -> (TempDir, Apart) {
        let dir = tempfile::tempdir().expect("a directory");
        let program = dir.path().join("program");
        let script = format!("#!/bin/sh\necho $$ > {}\ncat >/dev/null\n{script}\n", dir.path().join("pid").display());
        // Another test that starts a program meanwhile would hold the file open for writing.
        let fresh = dir.path().join("program.new");
        fs::write(&fresh, script).expect("a script");
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).expect("a mode");
        fs::copy(&fresh, &program).expect("a copy");
        (dir, Apart::new(program, None, BOUNDS, limit))
    }

    async fn read(script: &str, limit: Duration) -> Result<Answer, Unread> {
        let (_dir, apart) = apart(script, limit);
        let file = |path: &str| RawSource { path: path.to_owned(), bytes: vec![b'#'; 300_000] };
        apart.load(vec![vec![file("a.yaml")], vec![file("b.yaml")]], &Recipe::default()).await
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn the_answer_is_taken_and_a_bad_end_is_told_with_the_file() {
        let good =
            "echo '{\"reading\":0}'; echo '{\"read\":{\"desired\":{\"objects\":[]},\"findings\":[],\"errors\":3}}'";
        assert_eq!(read(good, LONG).await.expect("an answer").errors, 3);
        for (script, path, text) in [
            ("echo '{\"reading\":1}'; kill -9 $$", Some("b.yaml"), "was killed"),
            ("echo '{\"reading\":0}'; kill -SEGV $$", Some("a.yaml"), "met a bug"),
            ("echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$", None, "more than 64 MiB of memory"),
            ("echo '{\"reading\":0}'; echo '{\"reading\":null}'; kill -XCPU $$", None, "7 s of processor time"),
            ("echo '{\"reading\":7}'; echo no >&2; exit 1", None, "cannot begin: no"),
            ("true", None, "it said nothing"),
            ("echo '{\"objects\":[]}'", None, "an answer that is none"),
            ("cat /dev/zero", None, "takes more than 96 MiB"),
        ] {
            let unread = read(script, LONG).await.expect_err(script);
            assert_eq!((unread.path.as_deref(), unread.to_string().contains(text)), (path, true), "{script}: {unread}");
        }
    }

    #[tokio::test]
    async fn a_process_that_hangs_or_that_nobody_waits_for_is_ended() {
        let begun = Instant::now();
        let unread = read("exec sleep 1000", Duration::from_millis(500)).await.expect_err("late");
        assert!(unread.is_passing() && begun.elapsed() < LONG, "{unread}");
        let (dir, apart) = apart("exec sleep 1000", LONG);
        let waited = timeout(Duration::from_secs(1), apart.load(Vec::new(), &Recipe::default())).await;
        assert!(waited.is_err(), "{waited:?}");
        let pid = fs::read_to_string(dir.path().join("pid")).expect("it has begun").trim().to_owned();
        let is_gone = || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        while !is_gone() {
            assert!(begun.elapsed() < LONG, "{pid} goes on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn without_a_program_another_try_may_find_one() {
        let apart = Apart::new("/nowhere/seedbed".into(), None, BOUNDS, LONG);
        let unread = apart.load(Vec::new(), &Recipe::default()).await.expect_err("no program");
        assert!(unread.is_passing() && unread.to_string().contains("cannot begin"), "{unread}");
    }
}
