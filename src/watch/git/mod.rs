//! Git repositories as sources: one commit is fetched, checked, and laid out as a directory of its own.
//!
//! Git runs with nothing of the daemon's environment and none of the machine's configuration: no hooks, no credential
//! helpers, no file system monitor, no prompts, and only https, ssh and file as protocols. Links in a commit are
//! written as plain files, so that no commit can make the daemon read what lies outside of it.

mod repository;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::program::ProgramError;
use repository::Repository;

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

/// Fetches the newest commit of a remote into `home`, which belongs to this one source.
///
/// The layout: `repository` (bare), `signers`, and `commits/NAME` for the last commit. A commit's directory appears
/// whole, by renaming; the ones before it are removed.
///
/// # Errors
/// What is in the way. What was laid out before stays.
pub async fn fetch(remote: &Remote, home: &Path) -> Result<Checkout, GitError> {
    fs::create_dir_all(home).map_err(GitError::disk("create", home))?;
    let repository = Repository::open(home).await?;
    let commit = repository.fetch(remote).await?;
    if !remote.signers.is_empty() {
        repository.verify(&commit, &remote.signers).await?;
    }
    let commits = home.join("commits");
    let dir = commits.join(&commit);
    if !dir.is_dir() {
        repository.check_size(&commit).await?;
        let fresh = home.join("commits.new");
        remove(&fresh)?;
        fs::create_dir_all(&fresh).map_err(GitError::disk("create", &fresh))?;
        repository.lay_out(&commit, &fresh).await?;
        fs::create_dir_all(&commits).map_err(GitError::disk("create", &commits))?;
        fs::rename(&fresh, &dir).map_err(GitError::disk("rename", &fresh))?;
    }
    for entry in fs::read_dir(&commits).map_err(GitError::disk("list", &commits))? {
        let path = entry.map_err(GitError::disk("list", &commits))?.path();
        if path != dir {
            remove(&path)?;
        }
    }
    Ok(Checkout { commit, dir })
}

/// Removes what a source has left below its home.
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
