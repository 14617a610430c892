//! The bare repository of one source, and the commands of git that are run on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::program::{Program, ProgramError, RunAs};
use super::{GitError, Remote};

/// A commit that takes longer to fetch is too large, or its server does not answer.
const FETCH_LIMIT: Duration = Duration::from_secs(120);
const LOCAL_LIMIT: Duration = Duration::from_secs(60);
/// All files of a commit together.
const COMMIT_BYTES_MAX: u64 = 256 << 20;
const COMMIT_FILES_MAX: usize = 100_000;
/// What a fetch may add to the disk.
pub const FETCH_BYTES_MAX: u64 = 512 << 20;
/// A repository that is this much larger than twice its commit is cleared of what it needs no more.
const SPARE_BYTES: u64 = 16 << 20;
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The one reference that is kept: the last fetched commit.
const HEAD: &str = "refs/seedbed/head";

pub struct Repository {
    home: PathBuf,
    git_dir: PathBuf,
    user: Option<RunAs>,
}

impl Repository {
    /// Opens it, and makes it where there is none. Whoever git runs as owns its directory.
    pub async fn open(home: &Path, user: Option<RunAs>) -> Result<Self, GitError> {
        let repository = Self { home: home.to_owned(), git_dir: home.join("repository"), user };
        if !repository.git_dir.join("HEAD").is_file() {
            let path = repository.git_dir.to_string_lossy().into_owned();
            // Templates of the machine would bring hooks.
            let args = ["init", "--quiet", "--bare", "--template=", &path];
            let made = repository.program(&args, LOCAL_LIMIT).run().await;
            made.map_err(|cause| GitError::Fetch { what: "anything".to_owned(), cause })?;
        }
        Ok(repository)
    }

    /// Fetches the newest commit, without its history, and gives its name.
    pub async fn fetch(&self, remote: &Remote) -> Result<String, GitError> {
        let reference = if remote.reference.is_empty() { "HEAD" } else { &remote.reference };
        let what = format!("{reference} of {}", remote.url);
        let target = format!("+{reference}:{HEAD}");
        let args = [
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--no-recurse-submodules",
            "--force",
            "--",
            &remote.url,
            &target,
        ];
        let failed = |cause| GitError::Fetch { what: what.clone(), cause };
        let fetch = self.git(&args, FETCH_LIMIT).run();
        tokio::select! {
            fetched = fetch => drop(fetched.map_err(failed)?),
            () = self.overflow() => {
                let text = format!("it is larger than {} MiB", FETCH_BYTES_MAX >> 20);
                return Err(failed(ProgramError::Failed("git".to_owned(), text)));
            }
        }
        // A tag may be an object of its own: the commit behind it is meant.
        let peeled = format!("{HEAD}^{{commit}}");
        let name = self.git(&["rev-parse", "--verify", &peeled], LOCAL_LIMIT).run().await.map_err(failed)?;
        Ok(String::from_utf8_lossy(&name).trim().to_owned())
    }

    /// Returns when the repository has grown beyond what is meant.
    async fn overflow(&self) {
        let before = self.size().await;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.size().await.saturating_sub(before) > FETCH_BYTES_MAX {
                return;
            }
        }
    }

    /// Refuses a commit that none of the signers has signed.
    pub async fn verify(&self, commit: &str, signers: &str) -> Result<(), GitError> {
        let file = self.home.join("signers");
        tokio::fs::write(&file, signers).await.map_err(GitError::disk("write", &file))?;
        let signers = format!("gpg.ssh.allowedSignersFile={}", file.display());
        // OpenPGP and X.509 would ask the keyrings of this machine, which nobody has meant.
        let args = ["-c", &signers, "-c", "gpg.program=false", "-c", "gpg.x509.program=false", "verify-commit", commit];
        match self.git(&args, LOCAL_LIMIT).run().await {
            Ok(_) => Ok(()),
            Err(cause) => Err(GitError::Unsigned { commit: commit.to_owned(), cause: cause.to_string() }),
        }
    }

    async fn size(&self) -> u64 {
        let dir = self.git_dir.clone();
        tokio::task::spawn_blocking(move || size(&dir)).await.unwrap_or(0)
    }

    /// Drops what earlier commits have left, when that is more than the commit itself, whose files have `bytes`. The
    /// limits of one fetch and one commit would otherwise hold for each of them and for no sum.
    pub async fn shrink(&self, bytes: u64) -> Result<(), GitError> {
        let bytes_max = bytes.saturating_mul(2) + SPARE_BYTES;
        if self.size().await <= bytes_max {
            return Ok(());
        }
        let args = ["-c", "gc.auto=0", "gc", "--quiet", "--prune=now"];
        if self.git(&args, LOCAL_LIMIT).run().await.is_ok() && self.size().await <= bytes_max {
            return Ok(());
        }
        // The next fetch makes a new one.
        let dir = self.git_dir.clone();
        super::disk(&dir, super::remove).await
    }

    /// Refuses a commit that would fill the disk, and gives the bytes of all its files.
    pub async fn check_size(&self, commit: &str) -> Result<u64, GitError> {
        let unusable = |why: String| GitError::Unusable { commit: commit.to_owned(), why };
        let list = self.git(&["ls-tree", "-r", "-l", commit], LOCAL_LIMIT).run().await;
        let list = list.map_err(|cause| unusable(cause.to_string()))?;
        let list = String::from_utf8_lossy(&list);
        let bytes: u64 = list.lines().filter_map(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok()).sum();
        if bytes > COMMIT_BYTES_MAX || list.lines().count() > COMMIT_FILES_MAX {
            let (mib, files) = (COMMIT_BYTES_MAX >> 20, COMMIT_FILES_MAX);
            return Err(unusable(format!("it holds more than {mib} MiB or {files} files")));
        }
        Ok(bytes)
    }

    /// Writes the files of a commit into an empty directory.
    pub async fn lay_out(&self, commit: &str, dir: &Path) -> Result<(), GitError> {
        let tree = format!("--work-tree={}", dir.display());
        let args = [&tree, "checkout", "--quiet", "--force", commit, "--", "."];
        let index = self.git_dir.join("checkout.index");
        let mut program = self.git(&args, LOCAL_LIMIT);
        program.env.push(("GIT_INDEX_FILE", index.to_string_lossy().into_owned()));
        let done = program.run().await;
        // It has served; the next commit gets one of its own.
        let _absent = fs::remove_file(&index);
        done.map(drop).map_err(|cause| GitError::Unusable { commit: commit.to_owned(), why: cause.to_string() })
    }

    fn git(&self, args: &[&str], limit: Duration) -> Program {
        let git_dir = format!("--git-dir={}", self.git_dir.display());
        let hard = ["core.hooksPath=/dev/null", "core.fsmonitor=false", "core.symlinks=false", "protocol.version=2"];
        let mut all = vec![git_dir.as_str()];
        all.extend(hard.iter().flat_map(|setting| ["-c", setting]));
        all.extend(args);
        self.program(&all, limit)
    }

    fn program(&self, args: &[&str], limit: Duration) -> Program {
        let env = [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ALLOW_PROTOCOL", "https:ssh:file"),
            ("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=20"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
        ];
        Program {
            name: "git".to_owned(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: env.map(|(name, value)| (name, value.to_owned())).into(),
            dir: self.home.clone(),
            limit,
            user: self.user,
        }
    }
}

/// The bytes of all files below a directory. What vanishes meanwhile does not count.
fn size(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(met) if met.is_dir() => size(&entry.path()),
        Ok(met) => met.len(),
        Err(_) => 0,
    };
    entries.filter_map(Result::ok).map(of).sum()
}
