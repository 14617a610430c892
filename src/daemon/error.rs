//! Why a daemon does not start or cannot go on. Each says what to do.

use std::io;
use std::path::PathBuf;

use crate::api::ApiError;
use crate::client::ClientError;
use crate::store::StoreError;

/// A failure of the daemon as a whole.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The state directory cannot be used.
    #[error("cannot {doing} `{}`: check that its directory exists, is writable for this user and not full, or choose another with --state-dir", .path.display())]
    StateDir {
        /// What was being done.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another daemon uses the directory.
    #[error("another seedbed daemon uses `{}`: stop it first, or choose another directory with --state-dir", .0.display())]
    Busy(PathBuf),
    /// The group of the socket does not exist.
    #[error("there is no group `{0}` on this machine: create it, or leave --group out")]
    NoGroup(String),
    /// The user that is to read sources does not exist.
    #[error("there is no user `{0}` on this machine: create it, or leave --source-user out")]
    NoUser(String),
    /// A file is not what it should be.
    #[error("`{}` cannot be read ({detail}): put it back from a backup, or move it away", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The database.
    #[error("the database cannot be opened")]
    Store(#[from] StoreError),
    /// The database stopped while the daemon ran: it ends, so that whoever started it can start it again.
    #[error("the daemon ends")]
    Stopped(#[source] StoreError),
    /// A certificate cannot be made or used.
    #[error("cannot {doing}: {detail}")]
    Certificate {
        /// What was being done.
        doing: &'static str,
        /// Why not.
        detail: String,
    },
    /// The port cannot be opened.
    #[error("{}", .0.message)]
    Api(ApiError),
    /// A call to another member.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl DaemonError {
    /// A failure below the state directory.
    pub fn disk(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::StateDir { doing, path: path.into(), source }
    }
}
