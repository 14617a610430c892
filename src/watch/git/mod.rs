//! Git repositories as sources: one commit is fetched, checked, and laid out as a directory of its own.
//!
//! Git runs with nothing of the daemon's environment and none of the machine's configuration: no hooks, no credential
//! helpers, no file system monitor, no prompts, and only https, ssh and file as protocols. Links in a commit are
//! written as plain files, so that no commit can make the daemon read what lies outside of it.

mod repository;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::program::ProgramError;
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
    disk(home, make).await?;
    let repository = Repository::open(home).await?;
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
    let bytes = if is_new { Some(lay_out(repository, &commit, &dir, home).await?) } else { None };
    let kept = dir.clone();
    disk(&home.join("commits"), move |commits| keep_only(&kept, commits)).await?;
    Ok((Checkout { commit, dir }, bytes))
}

async fn lay_out(repository: &Repository, commit: &str, dir: &Path, home: &Path) -> Result<u64, GitError> {
    let bytes = repository.check_size(commit).await?;
    let fresh = home.join("commits.new");
    disk(&fresh, |fresh| remove(fresh).and_then(|()| make(fresh))).await?;
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

/// Makes a directory that nobody else can look into: what a private repository holds is not for every user here.
fn make(dir: &Path) -> Result<(), GitError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(GitError::disk("create", dir))?;
    // One of an earlier version was open.
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(GitError::disk("protect", dir))
}

fn put(fresh: &Path, dir: &Path) -> Result<(), GitError> {
    dir.parent().map_or(Ok(()), make)?;
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
