//! Git repositories as sources: one commit is fetched, checked, and laid out as a directory of its own.
//!
//! Git runs with nothing of the daemon's environment and none of the machine's configuration: no hooks, no credential
//! helpers, no file system monitor, no prompts, and only https, ssh and file as protocols. Links in a commit are
//! written as plain files, so that no commit can make the daemon read what lies outside of it.
//!
//! Where it can, git runs as a user without rights, who owns the repository and nothing else: a commit that was laid out
//! lies where only the daemon can go. That is so for https ([`needs_no_files`]).

mod repository;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use super::program::{ProgramError, RunAs};
use repository::{FETCH_BYTES_MAX, Repository};

/// What to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The address.
    pub url: String,
    /// The branch or tag; the repository's default when empty.
    pub reference: String,
    /// The text of an allowed signers file; a commit needs no signature when it is empty.
    pub signers: String,
    /// Who git runs as: this process's own user when it is nobody else.
    pub user: Option<RunAs>,
}

/// Whether git needs nothing that lies on this machine to fetch from an address, so that it may be anybody.
///
/// With ssh it needs the key and the known hosts, which are files of root. A repository on this machine may be root's
/// alone, and git takes none that belongs to somebody else than the user that it runs as.
pub fn needs_no_files(url: &str) -> bool {
    url.starts_with("https://")
}

/// Whether every user can get to what lies below a directory, if only the way on is open.
pub fn is_open_to_all(dir: &Path) -> bool {
    let mut all = dir.ancestors().map(|above| fs::metadata(above).map(|met| met.mode() & 0o001 != 0));
    all.all(|is_open| is_open.unwrap_or(false))
}

/// A commit, laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// Its full name.
    pub commit: String,
    /// The directory that holds its files, and nothing else ever.
    pub dir: PathBuf,
}

/// Why a commit is not there.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The repository or the branch was not reached.
    #[error("cannot fetch {what}: {cause}")]
    Fetch {
        /// The address and the branch.
        what: String,
        /// What git says.
        cause: ProgramError,
    },
    /// No signature, or none that counts.
    #[error("commit {commit} has no signature of an allowed signer: {cause}")]
    Unsigned {
        /// The commit.
        commit: String,
        /// What git says.
        cause: String,
    },
    /// Too large, or something that cannot be laid out.
    #[error("commit {commit} cannot be used: {why}")]
    Unusable {
        /// The commit.
        commit: String,
        /// Why not.
        why: String,
    },
    /// The disk.
    #[error("cannot {doing} {}: {cause}", path.display())]
    Disk {
        /// What was being done.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
}

impl GitError {
    fn disk<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |cause| Self::Disk { doing, path: path.to_owned(), cause }
    }
}

/// Fetches the newest commit of a remote into `home`, which belongs to this one source and which nobody else can look
/// into.
///
/// The layout: `repository` (bare), `signers`, and `commits/NAME` for the last commit. A commit's directory appears
/// whole, by renaming; the ones before it are removed.
///
/// # Errors
/// What is in the way. What was laid out before stays.
pub async fn fetch(remote: &Remote, home: &Path) -> Result<Checkout, GitError> {
    let user = remote.user;
    disk(home, move |home| prepare(home, user)).await?;
    let repository = Repository::open(home, user).await?;
    let taken = take(&repository, remote, home).await;
    match &taken {
        Ok((_, None)) => {}
        Ok((_, Some(bytes))) => repository.shrink(*bytes).await?,
        // What is refused stays until the next one comes, and not longer.
        Err(_) => repository.shrink(FETCH_BYTES_MAX / 2).await?,
    }
    taken.map(|(checkout, _)| checkout)
}

/// The newest commit, and how large it is when it was not there before.
async fn take(repository: &Repository, remote: &Remote, home: &Path) -> Result<(Checkout, Option<u64>), GitError> {
    let commit = repository.fetch(remote).await?;
    if !remote.signers.is_empty() {
        repository.verify(&commit, &remote.signers).await?;
    }
    let dir = home.join("commits").join(&commit);
    let is_new = !tokio::fs::try_exists(&dir).await.unwrap_or(false);
    let bytes = if is_new { Some(lay_out(repository, &commit, &dir, home, remote.user).await?) } else { None };
    let kept = dir.clone();
    disk(&home.join("commits"), move |commits| keep_only(&kept, commits)).await?;
    Ok((Checkout { commit, dir }, bytes))
}

async fn lay_out(
    repository: &Repository,
    commit: &str,
    dir: &Path,
    home: &Path,
    user: Option<RunAs>,
) -> Result<u64, GitError> {
    let bytes = repository.check_size(commit).await?;
    let fresh = home.join("commits.new");
    disk(&fresh, move |fresh| remove(fresh).and_then(|()| make_for(user, fresh))).await?;
    repository.lay_out(commit, &fresh).await?;
    let to = dir.to_owned();
    disk(&fresh, move |fresh| put(fresh, &to)).await?;
    Ok(bytes)
}

/// Does something on the disk without keeping others waiting.
async fn disk<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    let (path, named) = (path.to_owned(), path.to_owned());
    let done = tokio::task::spawn_blocking(move || work(&path)).await;
    done.unwrap_or_else(|cause| Err(GitError::disk("use", &named)(io::Error::other(cause))))
}

/// The directories that git needs before it is there itself. A repository of another user is of no use to this one.
fn prepare(home: &Path, user: Option<RunAs>) -> Result<(), GitError> {
    let repository = home.join("repository");
    let me = rustix::process::geteuid().as_raw();
    let owner = fs::symlink_metadata(&repository).map(|met| met.uid());
    if owner.is_ok_and(|uid| uid != user.map_or(me, |user| user.uid)) {
        remove(&repository)?;
    }
    match user {
        None => make(home, 0o700)?,
        Some(_) => {
            // The way to the repository, and nothing to see on it.
            home.parent().map_or(Ok(()), |homes| make(homes, 0o711))?;
            make(home, 0o711)?;
        }
    }
    make_for(user, &repository)
}

/// Makes a directory that one user can look into: what a private repository holds is not for every user here.
fn make_for(user: Option<RunAs>, dir: &Path) -> Result<(), GitError> {
    make(dir, 0o700)?;
    user.map_or(Ok(()), |user| chown(dir, Some(user.uid), Some(user.gid))).map_err(GitError::disk("hand over", dir))
}

fn make(dir: &Path, mode: u32) -> Result<(), GitError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(GitError::disk("create", dir))?;
    // One of an earlier version was open.
    fs::set_permissions(dir, fs::Permissions::from_mode(mode)).map_err(GitError::disk("protect", dir))
}

fn put(fresh: &Path, dir: &Path) -> Result<(), GitError> {
    dir.parent().map_or(Ok(()), |commits| make(commits, 0o700))?;
    fs::rename(fresh, dir).map_err(GitError::disk("rename", fresh))
}

fn keep_only(dir: &Path, commits: &Path) -> Result<(), GitError> {
    for entry in fs::read_dir(commits).map_err(GitError::disk("list", commits))? {
        let path = entry.map_err(GitError::disk("list", commits))?.path();
        if path != dir {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Removes what a source has left below its home. Blocks.
///
/// # Errors
/// When the disk does not let it.
pub fn remove(home: &Path) -> Result<(), GitError> {
    match fs::remove_dir_all(home) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(GitError::disk("remove", home)(cause)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
